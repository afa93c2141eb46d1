"""Observers on disk: one safetensors file of what a network's tensors were.

Statistics do not depend on the bits, the grid, or (for a histogram) the rule that reads them, so a
calibration pass that was made once serves every recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from ..core.errors import BadFile, cause
from .calibrator import Observer, Restores, Storable

FORMAT = "edgequant-statistics/1"


def save(path: Path, observers: Mapping[str, Storable]) -> None:
    """Write the observers, by tensor name, to `path`, whole or not at all."""
    from safetensors.torch import save_file

    tensors = {
        f"{name}/{key}": value for name, observer in observers.items() for key, value in observer.state().items()
    }
    temporary = path.with_name(path.name + ".tmp")
    save_file(tensors, temporary, metadata={"format": FORMAT})
    temporary.replace(path)


def load(path: Path, calibrator: Restores[Observer]) -> dict[str, Observer]:
    """Tensor name -> observer of `calibrator`, which need not be the one that saved, if the statistics suffice.

    Raises BadFile where the file is missing or damaged, or holds no histogram and one is needed.
    """
    states: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in _read(path).items():
        name, _, part = key.rpartition("/")
        states.setdefault(name, {})[part] = value
    return {name: calibrator.restore(state) for name, state in states.items()}


def _read(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("format") == FORMAT:
                return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BadFile(
            f"The statistics {path} cannot be read: {cause(error)}. Delete the file; calibration makes it again."
        ) from error
    raise BadFile(f"{path} is no file of calibration statistics ({FORMAT} was expected). Delete it, or name another.")
