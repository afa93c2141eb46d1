"""Every finding looks at the evidence; what they found, the root cause first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .evidence import Evidence
from .finding import AbstractFinding, Found


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
