"""What a report may read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """Everything a report may read: the content of results.json and the folder it lies in."""

    results: dict[str, Any]
    folder: Path
