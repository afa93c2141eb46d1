"""One thing that can be wrong, in three answers: what was seen, why it matters, what to type; and all of them asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

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


def diagnose(evidence: Evidence, findings: Mapping[str, AbstractFinding]) -> list[Found]:
    """In the order of `findings`: what stands first can cause what stands later, never the other way round.

    A last resort is only asked where nothing else was found: it names a symptom whose cause nobody saw.
    """
    found: list[Found] = []
    for name, finding in findings.items():
        if not (finding.last_resort and found):
            one = finding.look(evidence)
            if one is not None:
                found.append(replace(one, name=name, symptom=finding.symptom, why=finding.why))
    return found
