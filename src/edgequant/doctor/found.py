"""One thing that is wrong, in three answers: what was seen, why it matters, what to type."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """`fixes`: commands, the one to try first first. `name`: of the finding in the catalog, filled in by `diagnose`."""

    seen: str
    fixes: tuple[str, ...]
    name: str = ""
    symptom: str = ""
    why: str = ""
