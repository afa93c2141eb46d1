"""Writes what report/results.schema.json says of a variant: `python docs/results_schema.py`. A test compares."""

from __future__ import annotations

import json
from pathlib import Path

from edgequant.study.record import schema

PAGE = Path(__file__).resolve().parents[1] / "src" / "edgequant" / "report" / "results.schema.json"


def text() -> str:
    """The published schema with its variants as study/record.py has them; all else as it stands."""
    published = json.loads(PAGE.read_text(encoding="utf-8"))
    published["properties"]["variants"]["items"] = schema()
    return json.dumps(published, indent=1) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
