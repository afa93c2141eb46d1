"""Which code made a step."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# what decides what a training ends with; a change elsewhere does not train again
TRAINING = ("core/grid.py", "core/preprocess.py", "graph", "refine", "tasks", "train")


@cache
def source_hash() -> str:
    """sha256 of the package's own code: a step made by other code is not taken for this one's."""
    return _hash(path for path in ROOT.rglob("*.py") if not _worded(path.relative_to(ROOT)))


@cache
def training_code() -> str:
    """sha256 of the code that decides what a training ends with."""
    return _hash(path for name in TRAINING for path in [*(ROOT / name).rglob("*.py")] or [ROOT / name])


def _worded(path: Path) -> bool:
    """Whether a file words results and decides none: the report, and the parts of it that lie beside their question."""
    return "report" in path.parts or "advise" in path.parts or path.name in ("section.py", "charts.py")


def _hash(paths: Iterable[Path]) -> str:
    """Names and contents."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
