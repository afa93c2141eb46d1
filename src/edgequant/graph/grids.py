"""Which tensors can share one grid, and a requantization in front of those that cannot.

A concatenation moves integers, so its operands and its result have one grid. Two kinds of tensors bring their own and
take no other: what a sigmoid, a tanh or a softmax makes (LiteRT's kernels insist on it), and the network's input,
whose integers an app makes of pixels. Where such a tensor meets one of another grid, a step of kind `requantize`
stands between: the identity in float, a rescaling of the integers in a file.
"""

from __future__ import annotations

from dataclasses import replace

from .ops.table import OPS
from .program import Network, Program, Step

Grid = tuple[float, float] | None  # the range that is prescribed; None: the tensor takes any


def on_own_grids(network: Network, image: tuple[float, float]) -> Network:
    """The same function with requantizations where they are needed; `image` is the range of the input's values."""
    program = apart(network.program, image)
    return network if program is network.program else network.running(program)


def apart(program: Program, image: tuple[float, float]) -> Program:
    """`program` itself where every grid that is prescribed has its tensors to itself."""
    grids: dict[str, Grid] = {program.input: (min(image[0], 0.0), max(image[1], 0.0))}  # every grid holds 0
    steps: list[Step] = []
    for step in program.steps:
        grids[step.name] = _grid(step, grids)
        if OPS[step.kind].shares_grid and grids[step.name] is None:
            between = {t: _between(t, step, program) for t in step.inputs if grids[t] is not None}
            steps += between.values()
            step = replace(step, inputs=tuple(between[t].name if t in between else t for t in step.inputs))
        steps.append(step)
    return program if len(steps) == len(program.steps) else replace(program, steps=tuple(steps))


def _grid(step: Step, grids: dict[str, Grid]) -> Grid:
    """The grid that is prescribed to what the step makes. A padding may write a number that its input's grid lacks."""
    if OPS[step.kind].fixed:
        return OPS[step.kind].fixed
    if not OPS[step.kind].shares_grid:
        return None
    found = {grids[t] for t in step.inputs}
    grid = found.pop() if len(found) == 1 else None
    return grid if grid and grid[0] <= step.attrs.get("value", 0.0) <= grid[1] else None


def _between(tensor: str, step: Step, program: Program) -> Step:
    """It belongs to the layer that reads it. The name is one that no tensor has."""
    name = f"{tensor}_for_{step.name}"
    while name in program.tensors:
        name += "_"
    return Step(name, "requantize", (tensor,), program.shape(tensor), {}, step.layer)
