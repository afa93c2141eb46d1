"""Whether the calibration images are what they should be: the requirements, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ...store.run import Run
from .. import format as fmt
from .. import lookup as look
from .. import markup as md
from ..section import AbstractSection

MARKS = {True: "✓ met", False: "✗ unmet"}
Draws = dict[tuple[str, ...], list[str]]  # the rows of one draw, flattened -> the variants that were calibrated on it


@final
@dataclass(frozen=True)
class Calibration(AbstractSection):
    """Variants that share a draw share its rows."""

    title: ClassVar[str] = "Calibration images"

    def text(self, run: Run) -> str:
        draws = _draws(run)
        if not draws:
            return ""
        lines = [f"- Draw {number}: {md.listed(names)}" for number, names in enumerate(draws.values(), 1)]
        unmet = sum(cells[3::4].count(MARKS[False]) for cells in draws)
        verdict = f"**{unmet} requirements are not met.**" if unmet else "All requirements are met."
        return f"{verdict} Validation images are what the draws are compared with.\n\n" + "\n".join(lines)

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        rows = []
        for number, cells in enumerate(_draws(run), 1):
            rows += [(str(number), *cells[at : at + 4]) for at in range(0, len(cells), 4)]
        return [("Draw", "Requirement", "Seen", "Wanted", "Met"), *rows] if rows else []


def _draws(run: Run) -> Draws:
    draws: Draws = {}
    for variant in look.variants(run):
        checks = look.mappings(variant.get("calibration_checks"))
        cells = tuple(cell for check in checks for cell in _cells(check))
        if cells:
            draws.setdefault(cells, []).append(look.identity(variant))
    return draws


def _cells(check: look.Variant) -> tuple[str, str, str, str]:
    name, seen, wanted = (fmt.plain(check.get(key)) for key in ("name", "seen", "wanted"))
    return name, seen, wanted, MARKS[check.get("met") is True]
