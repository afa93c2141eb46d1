from __future__ import annotations

from pathlib import Path
from typing import Any

from edgequant.report.sections.calibration import Calibration
from edgequant.store.run import Run


def check(name: str, seen: str, met: bool) -> dict[str, Any]:
    return {"name": name, "seen": seen, "wanted": "at least 300", "met": met}


def run(*variants: tuple[str, list[dict[str, Any]]]) -> Run:
    return Run({"variants": [{"id": name, "calibration_checks": checks} for name, checks in variants]}, Path())


def test_variants_of_one_draw_share_its_rows() -> None:
    one, other = [check("images", "500", True)], [check("images", "100", False), check("duplicates", "0", True)]
    found = run(("float32", []), ("w8a8", one), ("w4a8", one), ("w8a8-few", other))
    assert Calibration().rows(found) == [
        ("Draw", "Requirement", "Seen", "Wanted", "Met"),
        ("1", "images", "500", "at least 300", "✓ met"),
        ("2", "images", "100", "at least 300", "✗ unmet"),
        ("2", "duplicates", "0", "at least 300", "✓ met"),
    ]
    text = Calibration().text(found)
    assert text.startswith("**1 requirements are not met.**") and "- Draw 2: `w8a8-few`" in text
    assert "- Draw 1: `w8a8`" in text and "`w4a8`" in text and "float32" not in text


def test_what_is_met_is_said_and_no_calibration_is_no_section() -> None:
    assert Calibration().text(run(("w8a8", [check("images", "500", True)]))).startswith("All requirements are met.")
    for nothing in (run(("float32", [])), Run({}, Path()), Run({"variants": [{"calibration_checks": 3}]}, Path())):
        assert Calibration().rows(nothing) == [] and Calibration().text(nothing) == ""
