"""Outputs of a network as a file: an .npz whose arrays go by the outputs' names."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np

from ..core.arrays import Outputs


def save_outputs(path: Path, outputs: Outputs) -> None:
    """The same bytes for the same outputs, in their order.

    numpy.savez takes names as keyword arguments, of which it keeps `file` for itself, and a source names its outputs as
    it likes; it also writes the time of day.
    """
    with ZipFile(path, "w") as archive:
        for name, values in outputs.items():
            with archive.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)


def load_outputs(path: Path) -> Outputs:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}
