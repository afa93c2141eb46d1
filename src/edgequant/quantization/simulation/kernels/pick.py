"""Which family of kernels computes which step of a LiteRT file.

LiteRT hands what XNNPACK takes to it and runs the rest with its builtin kernels. What was taken is
known only once a file is open (`Session.delegated`), so the choice is made from that, never guessed.
"""

from __future__ import annotations

from collections.abc import Set

from ....graph.program import Step
from ..arithmetic import Arithmetic, Pick
from .builtin import BUILTIN, BUILTIN_ARM
from .xnnpack import XNNPACK

# The tensor that the kernel makes where a second operator bounds it: that one's kernel does not matter.
INNER = (".grid", ".uncapped")


def arithmetic_for(delegated: Set[str], architecture: str = "x86_64") -> Pick:
    """Step -> arithmetic, given the names of the tensors whose makers XNNPACK runs, and the machine that runs them."""
    builtin = BUILTIN_ARM if architecture in ("aarch64", "arm64") else BUILTIN

    def pick(step: Step) -> Arithmetic:
        return XNNPACK if {step.name, *(step.name + end for end in INNER)} & delegated else builtin

    return pick
