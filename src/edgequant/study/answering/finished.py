"""One variant made, shipped and answered in its runtime; what goes wrong is in its record."""

from __future__ import annotations

import dataclasses
import shutil
from typing import Any

from ...backends.onnxruntime.fusion import warning
from ...core.errors import EdgequantError, RunFolderError, Unsupported, out_of_memory
from ...core.foreign import said
from ...measure.compressed import compressed_bytes
from ...store.belongings import claim
from ..bench import Bench
from ..making.variant import FILE, Made, make
from ..plan import Variant
from ..record import Record, blank
from . import runtime


def finish(
    bench: Bench, variant: Variant, failed: EdgequantError | None = None
) -> tuple[Record, runtime.Answered | None]:
    """Make and evaluate one variant: its record, and what there is to compare, None where it could not be run.

    `failed`: why a worker could not make it; then nobody tries again.
    Raises RunFolderError where the disk refuses; every other fault is in the record.
    """
    bench.say(f"{variant.id}")
    made = None
    try:
        if failed is not None:
            raise failed
        made = make(bench, variant)
        answered = runtime.answer(bench, made)
    except Unsupported as error:
        record = blank(variant, "unsupported", str(error))
        if made is None:
            return record, None
        # no runtime here runs it; its file ships all the same
        known: dict[str, Any] = {"sha256": made.sha256, "bytes": made.bytes, "layers": made.layers}
        return dataclasses.replace(record, **known, file=_ship(bench, made)), None
    except RunFolderError:
        raise
    except EdgequantError as error:
        return blank(variant, "failed", str(error)), None
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return blank(variant, "failed", f"This machine has too little memory for it ({said(error)})."), None
    left = warning(answered.kernels)
    if left:
        bench.say(f"  note: {left}")
    memory = runtime.memory(bench, made).value
    found: dict[str, Any] = {
        "file": _ship(bench, made),
        "sha256": made.sha256,
        "bytes": made.bytes,
        "bytes_compressed": None if made.file is None else compressed_bytes(made.file),
        "bytes_estimated": made.bytes_estimated,
        "layers": made.layers,
        "kernels": answered.kernels,
        "seconds": {**made.seconds, "evaluate": answered.seconds},
        "calibration_checks": made.calibration_checks,
        "peak_memory_bytes": memory["bytes"],
        "arena_bytes": memory["arena"],
    }
    return dataclasses.replace(blank(variant, "ok"), **found), answered


def _ship(bench: Bench, made: Made) -> str | None:
    """Copy the file, and what lies beside it, to the artifacts under the variant's id.

    Its path in the run folder; None for a simulation.
    """
    if made.file is None:
        return None
    name, artifacts = made.variant.id, bench.folder.path / "artifacts"
    artifacts.mkdir(exist_ok=True)
    shipped = {p: artifacts / f"{name}{p.name.removeprefix(FILE)}" for p in made.kept.folder.glob(f"{FILE}.*")}
    claim(*shipped.values())
    for path, there in shipped.items():
        shutil.copyfile(path, there)
    return f"artifacts/{name}{made.file.name.removeprefix(FILE)}"
