"""Read a pickle that may hold only what a CIFAR batch holds: dicts, lists, bytes and uint8 arrays."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core import multiarray

from ...core.errors import BadData

ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): multiarray._reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): multiarray._reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return ALLOWED[module, name]


def unpickle(path: Path) -> Any:
    """The content of `path`. Nothing in it can run code: any class but an array is refused. Raises BadData."""
    try:
        with path.open("rb") as file:
            return _Unpickler(file, encoding="bytes").load()
    except Exception as error:  # a hostile or cut file can raise anything at all
        raise BadData(
            f"{path} is not a CIFAR batch: {error or type(error).__name__}."
            " Expected the official python version: put a fresh copy in its place."
        ) from error
