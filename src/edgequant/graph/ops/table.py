"""The one op table: all that is known of an operation beside the code of formats and kernels, which a row names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .activations import ACTIVATIONS
from .moves import MOVES
from .op import COMPUTED, Kernels, Op, Operator, named
from .pools import POOLS
from .products import PRODUCTS
from .sums import SUMS

OPS: dict[str, Op] = dict(sorted({**ACTIVATIONS, **MOVES, **POOLS, **PRODUCTS, **SUMS}.items()))


def kernels(family: str) -> dict[str, Callable[..., Any]]:
    """Row -> function of a family of kernels, without the products. Loads the files that it names."""
    cells = {kind: vars(row.kernels)[family] for kind, row in OPS.items() if isinstance(row.kernels, Kernels)}
    return {
        kind: named("kernels", f"{family}:{COMPUTED}" if cell == COMPUTED else cell, kind)
        for kind, cell in cells.items()
    }


def tflite_operators() -> dict[str, tuple[str, Operator]]:
    """TensorFlow Lite's name -> the first row that has it, and what the rows say of it."""
    return {o.name: (kind, o) for kind, row in reversed(OPS.items()) for o in row.tflite.operators}
