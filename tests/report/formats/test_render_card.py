"""The model card: metadata that a hub can read, and the figures of the chosen file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edgequant.report.formats.card import card
from edgequant.store.run import Run
from report_sample import results


def made(**changes: Any) -> tuple[dict[str, Any], str]:
    """Its head as YAML reads it, and its body."""
    record = results()
    best = next(v for v in record["variants"] if v["id"] == record["recommended"])
    best |= changes
    _, head, body = card(Run(record, Path())).split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_head_is_metadata() -> None:
    head, _ = made()
    assert head["pipeline_tag"] == "image-classification" and "quantization" in head["tags"]
    (entry,) = head["model-index"]
    (metric,) = entry["results"][0]["metrics"]
    assert metric["type"] == "accuracy" and 0 < metric["value"] < 1


def test_the_body_has_the_files_figures() -> None:
    _, body = made()
    assert "mobilenet_v2-w8a8-qat.tflite" in body and "| File size |" in body and "```python" in body
    assert "results.json" in body


@pytest.mark.parametrize("name", ["a: b", 'say "hi"', "line\nbreak", "---", "# no"])
def test_names_cannot_break_out_of_the_head(name: str) -> None:
    head, body = made(model=name, data=name)
    assert head["model-index"][0]["name"] == name
    assert head["model-index"][0]["results"][0]["dataset"]["name"] == name and body.startswith("\n")


def test_unlabelled_data_have_no_metric() -> None:
    head, body = made(top1=None)
    assert "model-index" not in head
    assert "on images without labels" in body and "test split unless" not in body


def test_a_float32_file_is_not_called_quantized() -> None:
    assert "written by edgequant (float32)" in made(recipe="float32", refine=[])[1]
    assert "quantized by edgequant (w8a8" in made()[1]


def test_without_a_file_there_is_no_card() -> None:
    assert card(Run(results() | {"recommended": None}, Path())) == ""


def test_the_card_says_what_was_shown() -> None:
    shown = "It lost 0.30 points on 400 validation images, so it may lose more than the 1 point allowed."
    assert shown in card(Run(results() | {"recommendation_reason": shown}, Path()))
