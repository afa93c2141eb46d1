"""Which family of kernels computes which step of a LiteRT file.

LiteRT hands what XNNPACK takes to it and runs the rest with its builtin kernels. What was taken is
known only once a file is open (`Session.delegated`), so the choice is made from that, never guessed.
"""

from __future__ import annotations

from collections.abc import Set

from ...graph.program import Step
from .arithmetic import Arithmetic, Pick
from .builtin import BUILTIN
from .xnnpack import XNNPACK


def arithmetic_for(delegated: Set[str]) -> Pick:
    """Step -> arithmetic, given the names of the tensors whose makers XNNPACK runs."""

    def pick(step: Step) -> Arithmetic:
        return XNNPACK if step.name in delegated else BUILTIN

    return pick
