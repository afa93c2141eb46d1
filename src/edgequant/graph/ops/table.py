"""The one op table: all that is known of an operation beside the code of formats and kernels, which a row names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .activations import ACTIVATIONS
from .moves import MOVES
from .normal import NORMAL
from .op import COMPUTED, Attrs, Kernels, Lacks, Op, Operator, Trait, named
from .pools import POOLS
from .products import PRODUCTS
from .sums import SUMS

OPS: dict[str, Op] = dict(sorted({**ACTIVATIONS, **MOVES, **NORMAL, **POOLS, **PRODUCTS, **SUMS}.items()))


def having(trait: Trait) -> frozenset[str]:
    return frozenset(kind for kind, row in OPS.items() if trait in row.traits)


def keeps_grid(kind: str, attrs: Attrs) -> bool:
    """Whether the result lies on its inputs' grid as it stands, so that nobody rounds it again: QAT, search, files."""
    return OPS[kind].moves(attrs)


def kernels(family: str) -> dict[str, Callable[..., Any]]:
    """Row -> function of a family of kernels, without the products. Loads the files that it names."""
    found = {}
    for kind, row in OPS.items():
        if isinstance(row.kernels, Kernels):
            cell = getattr(row.kernels, family)
            if not isinstance(cell, Lacks):
                found[kind] = named("kernels", f"{family}:{cell}" if cell == COMPUTED else cell)
    return found


def tflite_operators() -> dict[str, tuple[str, Operator]]:
    """TensorFlow Lite's name -> the first row that has it, and what the rows say of it."""
    found: dict[str, tuple[str, Operator]] = {}
    for kind, row in OPS.items():
        for operator in row.tflite.operators:
            found.setdefault(operator.name, (kind, operator))
    return found
