"""Where a gain on a branch comes from, and where it goes: the layers that make the branch, and those that read it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..graph.program import Program, Step

# op(g * x) = g * op(x) for every g > 0, value by value or channel by channel; padding with a number is not
FORWARD = frozenset({"avg_pool2d", "leaky_relu", "max_pool2d", "mean", "pad", "relu", "upsample"})
BACKWARD = FORWARD | {"add", "channel_mean", "depth_to_space", "reshape", "shuffle", "slice", "sub"}
STRAIGHT = ("", "relu")  # fused activations that a gain passes


@dataclass(frozen=True)
class Paths:
    """Of the branches of one grid.

    `makers`: branch -> the layers that take its gain; a branch that is missing can take none, and `blocked` says why.
    `readers`: step -> (I,) which branch each of its input channels comes from, as a place in the order of branches.
    """

    makers: dict[str, tuple[str, ...]]
    blocked: dict[str, str]
    readers: dict[str, torch.Tensor]


def paths(program: Program, branches: tuple[str, ...], several: frozenset[str]) -> Paths:
    """A gain on one of `branches` must not be seen by anything but layers that can divide it out.

    `several`: layers that are calls of one module, whose weights stay the same for all of them.
    """
    walk = _Walk(program, branches, several)
    makers: dict[str, tuple[str, ...]] = {}
    for branch in branches:
        found = _makers(program, branch, several)
        if isinstance(found, str):
            walk.blocked.setdefault(branch, found)
        elif branch not in walk.blocked:
            makers[branch] = found
    return Paths(makers, walk.blocked, walk.readers)


class _Walk:
    """Forward, step by step: which branch each channel of a tensor comes from."""

    def __init__(self, program: Program, branches: tuple[str, ...], several: frozenset[str]) -> None:
        self.program, self.branches, self.several = program, branches, several
        self.blocked: dict[str, str] = {}
        self.readers: dict[str, torch.Tensor] = {}
        self.ids = {b: torch.full((program.shape(b)[0],), i) for i, b in enumerate(branches)}
        for step in program.steps:
            if any(t in self.ids for t in step.inputs):
                self._visit(step)
        for tensor in program.returned & self.ids.keys():
            self._block(self.ids[tensor], "nothing behind the network's output could divide it out")

    def _visit(self, step: Step) -> None:
        if step.weighted:
            self._read(step)
            return
        passed = None if step.name in self.branches else self._passed(step)
        if passed is not None:
            self.ids[step.name] = passed
            return
        for tensor in step.inputs:
            if tensor in self.ids:
                self._block(self.ids[tensor], f"{step.kind} reads it ({step.layer or step.name})")

    def _read(self, step: Step) -> None:
        if step.layer in self.several:
            self._block(self.ids[step.inputs[0]], f"{step.layer} reads it, and is called more than once")
        self.readers[step.name] = self.ids[step.inputs[0]]

    def _passed(self, step: Step) -> torch.Tensor | None:
        """The channels of what the step makes; None where a gain would not come out as it went in."""
        if step.kind == "cat":
            known = all(t in self.ids for t in step.inputs)
            return torch.cat([self.ids[t] for t in step.inputs]) if known else None
        ids = self.ids[step.inputs[0]]
        if step.kind in FORWARD and not step.attrs.get("value"):
            return ids
        if step.kind == "slice":
            return ids[step.attrs["begin"][0] : step.attrs["end"][0] : step.attrs["step"][0]]
        if step.kind == "shuffle":
            return ids.view(step.attrs["groups"], -1).T.reshape(-1)
        if step.kind == "reshape" and len(step.shape) == 1:
            return ids.repeat_interleave(step.shape[0] // len(ids))
        return None

    def _block(self, ids: torch.Tensor, why: str) -> None:
        for i in sorted(set(ids.tolist())):
            self.blocked.setdefault(self.branches[i], why)


def _makers(program: Program, tensor: str, several: frozenset[str]) -> tuple[str, ...] | str:
    """The layers whose outputs, all of them, make the tensor `g` times as large; or what stands in the way."""
    step = next((s for s in program.steps if s.name == tensor), None)
    if step is None:
        return "it is the network's input"
    if step.kind == "requantize":
        return _makers(program, step.inputs[0], several)  # of a grid that is prescribed: it ends in a reason
    if step.activation not in STRAIGHT or step.attrs.get("value"):
        return f"{step.activation or step.kind} ends it at a number ({step.layer or step.name})"
    if step.weighted:
        fixed = step.layer in several or step.attrs.get("normalises")
        return f"{step.layer}, which makes it, is called more than once" if fixed else (step.layer,)
    if step.kind not in BACKWARD:
        return f"{step.kind} makes it ({step.layer or step.name})"
    found: tuple[str, ...] = ()
    for source in dict.fromkeys(step.inputs):
        more = (
            _makers(program, source, several) if len(program.users(source)) == 1 else f"{source} is read elsewhere too"
        )
        if isinstance(more, str):
            return more
        found += more
    return found
