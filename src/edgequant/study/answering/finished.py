"""One variant made, shipped and answered in its runtime; what goes wrong is in its record."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import Any

from ...backends.onnxruntime.fusion import warning
from ...core.errors import EdgequantError, RunFolderError, Unsupported
from ...core.foreign import said
from ...core.memory import out_of_memory
from ...core.progress import AbstractProgress
from ...store.belongings import claim
from ...store.folder import Kept, RunFolder
from .. import results
from ..making.variant import FILE, Variant, make
from ..study import Study
from . import runtime as judge


@dataclass
class Finished:
    """A variant that was made and answered."""

    variant: Variant
    record: dict[str, Any]
    made: Kept
    answered: Kept
    answers: Any = field(repr=False, default=None)


def finish(
    variant: Variant,
    study: Study,
    run: RunFolder,
    progress: AbstractProgress,
    failed: EdgequantError | None = None,
) -> tuple[dict[str, Any], Finished | None]:
    """Make and evaluate one variant: its record, and what there is to compare, None where it could not be run.

    `failed`: why a worker could not make it; then nobody tries again.
    Raises RunFolderError where the disk refuses; every other fault is in the record.
    """
    progress.say(f"{variant.id}")
    made = None
    try:
        if failed is not None:
            raise failed
        made = make(variant, study, run, progress)
        answered = judge.answer(variant, made, study.quick, run, progress)
    except Unsupported as error:
        return _not_run(variant, made, run, str(error)), None
    except RunFolderError:
        raise
    except EdgequantError as error:
        return results.blank(variant, "failed", str(error)), None
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return results.blank(variant, "failed", f"This machine has too little memory for it ({said(error)})."), None
    left = warning(answered.value["kernels"])
    if left:
        progress.say(f"  note: {left}")
    record = _record(variant, made, answered, run)
    return record, Finished(variant, record, made, answered, judge.answers(variant, answered, study.quick))


def _record(variant: Variant, made: Kept, answered: Kept, run: RunFolder) -> dict[str, Any]:
    """What is known of a variant by itself; what others say of it comes later."""
    memory = judge.memory(variant, made, run).value
    return results.blank(variant, "ok") | {
        "file": _ship(variant, made, run),
        "sha256": made.value["sha256"],
        "bytes": made.value["bytes"],
        "bytes_compressed": judge.compressed(made),
        "bytes_estimated": made.value["bytes_estimated"],
        "layers": made.value["layers"],
        "kernels": answered.value["kernels"],
        "seconds": {**made.value["seconds"], "evaluate": answered.value["seconds"]},
        "calibration_checks": made.value["calibration_checks"],
        "peak_memory_bytes": memory["bytes"],
        "arena_bytes": memory["arena"],
    }


def _not_run(variant: Variant, made: Kept | None, run: RunFolder, reason: str) -> dict[str, Any]:
    """What no runtime here runs; its file, where there is one, ships all the same."""
    record = results.blank(variant, "unsupported", reason)
    if made is None:
        return record
    return (
        record | {key: made.value[key] for key in ("sha256", "bytes", "layers")} | {"file": _ship(variant, made, run)}
    )


def _ship(variant: Variant, made: Kept, run: RunFolder) -> str | None:
    """Copy the file, and what lies beside it, to the artifacts under the variant's id.

    Its path in the run folder; None for a simulation.
    """
    if made.value["file"] is None:
        return None
    source, artifacts = made.folder / made.value["file"], run.path / "artifacts"
    artifacts.mkdir(exist_ok=True)
    shipped = {p: artifacts / f"{variant.id}{p.name.removeprefix(FILE)}" for p in source.parent.glob(f"{FILE}.*")}
    claim(*shipped.values())
    for path, there in shipped.items():
        shutil.copyfile(path, there)
    return f"artifacts/{variant.id}{source.name.removeprefix(FILE)}"
