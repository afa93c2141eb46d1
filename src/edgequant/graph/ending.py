"""What a network does to its scores at the very end, and the network without it."""

from __future__ import annotations

from dataclasses import replace

from ..core.errors import BadOption
from .program import Captured, Program

SQUASHING = ("softmax", "sigmoid")  # of one step for many classes: what is far below 1/256 is all the same in 8 bits


def squashes(program: Program) -> str:
    """The operation that makes probabilities of the scores, "" where none does."""
    return next((s.kind for s in program.steps if s.name == program.only.tensor and s.kind in SQUASHING), "")


def logits(captured: Captured) -> Captured:
    """The network up to its last softmax or sigmoid: the same order of classes, and a grid that fits the scores.

    Raises BadOption where it ends in neither.
    """
    program = captured.program
    if not squashes(program):
        raise BadOption(
            f"The network ends in {program.steps[-1].kind}, so its scores are logits already. A final softmax or"
            " sigmoid was expected. Leave --output logits out."
        )
    last = next(step for step in program.steps if step.name == program.only.tensor)
    steps = tuple(step for step in program.steps if step is not last)
    shorter = replace(program, outputs=(replace(program.only, tensor=last.inputs[0]),), steps=steps)
    return replace(captured, network=captured.network.running(shorter))
