"""Building blocks of a network that quantization minds, found in its program."""

from __future__ import annotations

from .program import Program


def has_squeeze_and_excitation(program: Program) -> bool:
    """Whether some product scales a map's channels by one number each (Hu et al., 2018, arXiv:1709.01507)."""
    sides = [[program.shape(name)[1:] for name in step.inputs] for step in program.steps if step.kind == "mul"]
    return any((1, 1) in two and any(side != (1, 1) for side in two) for two in sides)


def has_swish(program: Program) -> bool:
    """Whether there is an x * sigmoid(x) (SiLU) or its piecewise form (hard-swish): no upper bound, a negative dip."""
    gates = {step.name: step.inputs[0] for step in program.steps if step.kind == "sigmoid"}
    return any(
        step.kind == "hard_swish"
        or (step.kind == "mul" and any(gates.get(name) in step.inputs for name in step.inputs))
        for step in program.steps
    )
