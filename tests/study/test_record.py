"""What results.json says of a variant, and the schema that is made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import jsonschema

from edgequant.study.record import MEASURED, blank, schema
from pipeline_samples import prepared, variant


def test_the_published_schema_has_the_variants_of_the_record() -> None:
    published = json.loads((resources.files("edgequant.report") / "results.schema.json").read_text())
    assert published["properties"]["variants"]["items"] == schema(), "type: python docs/results_schema.py"


def test_a_key_of_types_becomes_a_schema() -> None:
    found = schema()["properties"]
    assert found["top1"] == {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    assert found["status"] == {"enum": ["ok", "failed", "unsupported"]}
    assert found["latency_ms"]["required"] == ["p50", "p90", "p99", "mean", "runs", "threads"]
    assert found["fidelity"]["additionalProperties"]["properties"]["cosine"] == {"type": ["number", "null"]}
    assert found["parity"]["required"] == ["mode", "gate"] and "required" not in found["validation"]


def test_what_came_later_is_not_asked_of_old_results() -> None:
    needed = schema()["required"]
    assert {"id", "drop", "layers"} <= set(needed) and not {"input", "fidelity", "devices"} & set(needed)


def test_a_blank_record_is_written_in_order_and_without_what_there_is_nothing_to_say_of(tmp_path: Path) -> None:
    one = blank(variant(prepared(tmp_path), "w4a8-all+adaround:iterations=5"), "unsupported", "no kernel")
    found = one.to_json()
    jsonschema.validate(json.loads(json.dumps(found)), schema())
    assert list(found)[:3] == ["id", "name", "model"] and list(found)[-1] == "layers"
    assert {found[key] for key in MEASURED} == {None} and "changes" not in found
    assert list(replace(one, devices=[], conditions={}).to_json())[-2:] == ["conditions", "devices"]
