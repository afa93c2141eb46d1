"""`edgequant sensitivity` on a small network, in its three modes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgequant import api
from edgequant.core.errors import BadData, BadOption
from edgequant.core.progress import Silent
from edgequant.questions.inquiry import inquiry, prepared
from edgequant.questions.layers import subject
from edgequant.questions.sensitivity import rows
from edgequant.questions.sensitivity.advice import words
from edgequant.questions.sensitivity.asked import AskedSensitivity
from edgequant.questions.sensitivity.sensitivity import analyse
from edgequant.store.run import Run

MICRO: dict[str, Any] = {"data": "digits", "weights": "random", "samples": 100, "allow_few": True, "images": 48}


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return api.sensitivity(AskedSensitivity("micro_cnn", bits="8,3", **MICRO), tmp_path_factory.mktemp("s") / "run")


def test_exact_mode_has_every_layer_alone_and_spared_at_every_width(exact: Run) -> None:
    (record,) = exact.results["sensitivity"]
    layers = {row["layer"] for row in record["rows"]}
    keys = [(row["layer"], row["kind"], row["weight_bits"]) for row in record["rows"]]
    assert len(keys) == len(set(keys)) == len(layers) * 4 and len(layers) == 12
    for row in record["rows"]:
        low, high = row["drop_ci95"]
        assert low <= row["drop"] <= high and row["kl"] >= 0 and row["images"] == 48
    kl = {(row["layer"], row["weight_bits"]): row["kl"] for row in record["rows"] if row["kind"] == "alone"}
    assert sum(kl[layer, 3] > kl[layer, 8] for layer in layers) >= 10


def test_its_files_hold_the_same_figures(exact: Run) -> None:
    (record,) = exact.results["sensitivity"]
    lines = list(csv.DictReader((exact.folder / "sensitivity.csv").read_text().splitlines()))
    assert [float(line["kl"]) for line in lines] == [row["kl"] for row in record["rows"]]
    again = json.loads((exact.folder / "sensitivity.json").read_text())["sensitivity"]
    assert again == json.loads(json.dumps([record]))
    assert "Sensitivity of layers" in (exact.folder / "report.html").read_text()
    assert (exact.folder / "sensitivity.png").exists() and (exact.folder / "sensitivity.svg").exists()


def test_model_explorers_own_loader_finds_every_node_of_the_overlay(exact: Run) -> None:
    adapters = pytest.importorskip("model_explorer.builtin_tflite_flatbuffer_adapter")
    (record,) = exact.results["sensitivity"]
    data = json.loads((exact.folder / record["overlay"]["node_data"]).read_text())
    loaded = adapters.BuiltinTfliteFlatbufferAdapter().convert(str(exact.folder / record["overlay"]["file"]), {})
    (graph,) = [graph for part in loaded["graphCollections"] for graph in part.graphs]
    kinds = {node["id"]: node["label"] for node in graph["nodes"]}
    found = data[graph["id"]]["results"]
    assert len(found) == 12 and {kinds[node] for node in found} <= {"conv_2d", "depthwise_conv_2d", "fully_connected"}
    kl = {row["kl"] for row in record["rows"] if row["kind"] == "alone" and row["weight_bits"] == 3}
    assert {one["value"] for one in found.values()} == kl


@pytest.mark.parametrize("mode", ["screened", "fast"])
def test_the_other_modes_name_ten_layers_and_judge_no_accuracy(mode: str, tmp_path: Path) -> None:
    finished = api.sensitivity(AskedSensitivity("micro_cnn", bits="3", mode=mode, **MICRO), tmp_path / "run")
    (record,) = finished.results["sensitivity"]
    assert [row["drop"] for row in record["rows"]] == [None] * 12
    assert sum(row["mark"] == "top 10" for row in record["rows"]) == len(record["advice"]["keep_wider"]) == 10
    assert record["advice"]["top1"].keys() == {"float", "narrow", "mixed"}


def test_sparing_the_marked_layers_is_tried_and_said(exact: Run) -> None:
    (record,) = exact.results["sensitivity"]
    advice = record["advice"]
    assert "Simulated on 48 validation images." in advice["text"] and advice["recipe"] == "w3a8-all"
    assert set(advice["keep_wider"]) == {
        r["layer"] for r in record["rows"] if r["mark"] and r["weight_bits"] == 3 and r["kind"] == "alone"
    }


def test_one_image_lost_marks_no_layer(exact: Run) -> None:
    assert rows.limit(0.5, 10_000) == 0.5 and 100 / 128 < rows.limit(0.5, 128) <= 200 / 128
    (record,) = exact.results["sensitivity"]
    least = rows.limit(record["threshold"], record["n"])
    judged = [row for row in record["rows"] if row["kind"] == "alone"]
    assert all((row["mark"] != "") == (row["drop"] >= least) for row in judged)


@pytest.mark.parametrize(
    ("drop", "low", "mark"),
    [(1.0, -1.5, rows.UNSURE), (1.0, 0.5, rows.SENSITIVE), (1.0, 0.49, rows.UNSURE), (0.9, 0.6, ""), (-1.0, -2.0, "")],
)
def test_a_layer_is_sensitive_where_its_interval_says_so(drop: float, low: float, mark: str) -> None:
    """Two of 200 images, with an interval of -1.5 to 4, are no finding."""
    assert rows.mark({"drop": drop, "drop_ci95": [low, 4.0], "images": 200}, 0.5) == mark


@pytest.mark.parametrize(
    ("unsure", "said"),
    [
        ([], " The images have no labels"),
        (["b"], " 1 of them are shown to be sensitive by the 95% interval on 200 images; b may be: try more --images."),
        (["a", "b"], " None of them is shown to be sensitive by the 95% interval on 200 images; a, b may be"),
    ],
)
def test_what_only_may_be_sensitive_is_named(unsure: list[str], said: str) -> None:
    advice = {"keep_wider": ["a", "b"], "unsure": unsure, "wider": "in float", "recipe": "w8a8"}
    assert words(advice, 200).startswith(f"Keep 2 layers in float and the rest at w8a8: a, b.{said}")
    assert not unsure or " b. It is not shown" in words(advice | {"keep_wider": ["b"], "unsure": ["b"]}, 200)


def test_the_worst_layer_of_a_width_comes_first() -> None:
    found = [{"weight_bits": 4, "kind": "alone", "layer": n, "drop": d, "kl": 0.1, "mark": m} for n, d, m in (
        ("a", 0.4, ""), ("b", 0.6, rows.SENSITIVE), ("c", 2.0, rows.SENSITIVE))]  # fmt: skip
    assert [row["layer"] for row in rows.worst_first(rows.alone(found, 4))] == ["c", "b", "a"]
    assert rows.alone(found, 8) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mode": "exakt"}, "Did you mean 'exact'"),
        ({"bits": "9"}, "--bits takes widths from 2 to 8"),
        ({"activation_bits": 1}, r"--activation-bits takes 2 to 16\. Got 1"),
        ({"images": 1}, "--images must be at least 2"),
        ({"threshold": -1.0}, "--threshold at least 0"),
    ],
)
def test_what_nobody_can_answer_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadOption, match=said):
        AskedSensitivity("micro_cnn", **(MICRO | changes)).study()


def test_what_a_model_lacks_is_said() -> None:
    with pytest.raises(BadOption, match="A sensitivity of the model micro_cnn needs images"):
        AskedSensitivity("micro_cnn").study()
    with pytest.raises(BadOption, match=r"Leave out --set seed=1"):
        AskedSensitivity("micro_cnn", **MICRO).study(["seed=1"])


def test_one_image_is_too_few_and_images_without_labels_are_not_judged(tmp_path: Path) -> None:
    asked = AskedSensitivity("micro_cnn", **MICRO)
    with inquiry(asked.study(), tmp_path / "run", False, Silent()) as bench:
        (network,) = prepared(bench)
        with pytest.raises(BadData, match="2 at least were expected"):
            subject(bench, network, 1)
        record = analyse(asked, replace(subject(bench, network, 8), labels=None), bench)
    assert "no accuracy is expected" in record["advice"]["text"]
    assert all(row["drop"] is None and not row["mark"] for row in record["rows"])


def test_the_command_prints_the_table_and_the_advice(edgequant: Callable[..., Any], tmp_path: Path) -> None:
    words = ("sensitivity", "micro_cnn", "--data", "digits", "--weights", "random", "--samples", "100", "--allow-few")
    said = edgequant(*words, "--images", "32", "--mode", "fast", "--bits", "4", "--out", tmp_path / "run")
    assert said.status == 0 and "top 10" in said.out and "Simulated on 32 validation images." in said.out
    assert "Got 'nothing'" in edgequant(*words, "--bits", "nothing").refusal
