"""One thing that can be wrong, in three answers: what was seen, why it matters, what to type."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from .evidence import Evidence


@dataclass(frozen=True)
class Found:
    """`fixes`: commands, the one to try first first. `name`: of the finding in the catalog, filled in by `diagnose`."""

    seen: str
    fixes: tuple[str, ...]
    name: str = ""
    symptom: str = ""
    why: str = ""


class AbstractFinding(ABC):
    """One thing that can be wrong with a quantized file, or with how it was made or is used.

    `symptom`, `figure`, `why` and `fix` are the row of the playbook (docs/troubleshooting.md).
    """

    symptom: ClassVar[str]  # what a user notices
    figure: ClassVar[str]  # what is measured, and where the limit comes from
    why: ClassVar[str]  # the cause, and why it matters
    fix: ClassVar[str]  # what to type, with placeholders in capitals
    last_resort: ClassVar[bool] = False  # only asked where no other finding explains the case

    @abstractmethod
    def look(self, evidence: Evidence) -> Found | None:
        """What was seen, and the commands that mend it; None where it is not there or cannot be judged."""
