"""Every combination of widths: as recipes, as a study, as rows, and once for real."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgequant import api
from edgequant.core.errors import BadOption
from edgequant.questions.sweep import AskedSweep
from edgequant.recipe.recipe import parse_recipe
from edgequant.store.run import Run
from edgequant.study import widths as sweep
from edgequant.study.study import load_study

MICRO = {"data": "digits", "weights": "random"}


def test_widths_are_read_in_the_order_given_each_once() -> None:
    assert sweep.parse_bits(" 8, 6,4,8", "--weight-bits", range(2, 9)) == (8, 6, 4)


@pytest.mark.parametrize("text", ["9", "8,1", "8,six", "-4", "4.5"])
def test_a_width_that_nothing_computes_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match=r"--weight-bits takes widths from 2 to 8\. Got "):
        sweep.parse_bits(text, "--weight-bits", range(2, 9))


def test_no_width_at_all_is_refused() -> None:
    with pytest.raises(BadOption, match="--activation-bits names no width"):
        sweep.parse_bits(" ,", "--activation-bits", range(2, 17))


def test_every_combination_is_a_recipe_that_parses() -> None:
    names = sweep.recipes((8, 6, 4), (16, 8, 3))
    assert len(names) == len(set(names)) == 9 and all(parse_recipe(name).kind == "static" for name in names)
    spared = parse_recipe(sweep.recipes((4,), (4,))[0]).scheme_for(frozenset({"first"}))
    everything = parse_recipe(sweep.recipes((4,), (4,), all_layers=True)[0]).scheme_for(frozenset({"first"}))
    assert spared and everything and (spared.weight_bits, everything.weight_bits) == (8, 4)


@pytest.mark.parametrize(
    ("recipe", "bits"),
    [("w4a8", (4, 8)), ("w4a16-all", (4, 16)), ("w8", None), ("float32", None), ("dynamic-w8", None), ("", None)],
)
def test_a_recipe_says_its_widths(recipe: str, bits: tuple[int, int] | None) -> None:
    assert sweep.widths(recipe) == bits


def variant(recipe: str, **changes: Any) -> dict[str, Any]:
    compression = {"model": 3.0, "weights": 3.9, "activations": 4.0}
    fixed = {"id": f"simulation-{recipe}", "recipe": recipe, "target": "simulation", "status": "ok"}
    return fixed | {"compression": compression, "bytes_estimated": 2_500_000, "top1": 0.9, "n": 10} | changes


def test_rows_are_of_what_was_simulated_and_has_two_widths() -> None:
    others = [variant("float32"), variant("w8"), variant("w8a8", target="litert"), variant("w6a6", status="failed")]
    (row,) = sweep.rows([*others, variant("w4a8")])
    assert (row["weight_bits"], row["activation_bits"], row["size_mb"]) == (4, 8, 2.5)
    assert (row["compression_ratio"], row["weight_compression"], row["activation_compression"]) == (3.0, 3.9, 4.0)
    assert row["source"] == "simulated"


def test_a_study_of_three_simulated_recipes_is_a_sweep_and_one_of_two_is_if_it_was_asked_for() -> None:
    three = [variant(name) for name in ("w8a8", "w4a8", "w4a4")]
    assert len(sweep.record(three)["sweep"]["rows"]) == 3
    assert sweep.record(three[:2]) == {} and len(sweep.record(three[:2], asked=True)["sweep"]["rows"]) == 2


def test_a_table_survives_commas_and_missing_figures() -> None:
    rows = sweep.rows([variant("w4a8", id='a,"b"', top1=None, compression=None)])
    (read,) = csv.DictReader(sweep.as_csv(rows).splitlines())
    assert read["Variant"] == 'a,"b"' and read["QuantAcc"] == "" and read["CompressionRatio"] == ""
    assert list(read) == list(sweep.COLUMNS)


def test_a_model_becomes_a_study_of_one_network() -> None:
    study = AskedSweep("micro_cnn", "4", "8,4", calibrate="mse", samples=200, all_layers=True, quick=7, **MICRO).study()
    assert study.recipes == ("float32", "w4a8-all", "w4a4-all") and study.targets == ("simulation",)
    assert (study.calibration[0].method, study.calibration[0].n, study.quick) == ("mse", 200, 7)
    assert (study.name, study.network[0].data, study.network[0].weights) == ("micro_cnn-sweep", "digits", "random")


def test_a_study_keeps_its_training_and_loses_its_recipes_targets_and_criteria() -> None:
    study, plain = AskedSweep("bit-sweep").study(), load_study("bit-sweep")
    (network,) = study.network  # listed for each target, swept once
    assert network.train == plain.network[0].train and network.recipes == network.targets == () == study.criteria
    assert study.calibration == plain.calibration and study.name == "bit-sweep-sweep"


def test_what_a_model_lacks_is_said() -> None:
    with pytest.raises(BadOption, match="A sweep of the model micro_cnn needs images"):
        AskedSweep("micro_cnn").study()
    with pytest.raises(BadOption, match=r"--set changes a study, and micro_cnn is a model\. Leave out --set seed=1"):
        AskedSweep("micro_cnn", **MICRO).study(["seed=1"])


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Run:
    asked = AskedSweep("micro_cnn", "8,4", "8,2", samples=100, quick=40, allow_few=True, **MICRO)
    return api.sweep(asked, tmp_path_factory.mktemp("sweep") / "run")


def test_a_sweep_has_a_row_a_table_and_a_chart_for_every_combination(swept: Run) -> None:
    rows = swept.results["sweep"]["rows"]
    assert [(row["weight_bits"], row["activation_bits"]) for row in rows] == [(8, 8), (8, 2), (4, 8), (4, 2)]
    assert all(row["n"] == 40 and 0 <= row["top1"] <= 1 and row["source"] == "simulated" for row in rows)
    assert rows[2]["size_mb"] < rows[0]["size_mb"] and rows[1]["activation_compression"] > 4
    read = list(csv.DictReader((swept.folder / "sweep.csv").read_text().splitlines()))
    assert [float(line["QuantAcc"]) for line in read] == [row["top1"] for row in rows]
    assert {f"parallel_coordinates.{kind}" for kind in ("png", "svg")} <= {p.name for p in swept.folder.iterdir()}
    assert "Bit widths, simulated" in (swept.folder / "report.html").read_text()


def test_calibration_ran_once_for_all_of_them(swept: Run) -> None:
    assert len(list((swept.folder / "steps").glob("calibrate-*"))) == 1
    spent = {v["seconds"]["calibrate"] for v in swept.results["variants"] if v["recipe"] != "float32"}
    (step,) = (swept.folder / "steps").glob("calibrate-*/value.json")
    assert min(spent) >= json.loads(step.read_text())["value"]["seconds"] > 0


def test_the_command_prints_one_table_and_resumes(swept: Run, edgequant: Callable[..., Any]) -> None:
    words = ("sweep", "micro_cnn", "--data", "digits", "--weights", "random", "--weight-bits", "8,4")
    words += ("--activation-bits", "8,2", "--samples", "100", "--quick", "40", "--allow-few", "--out", swept.folder)
    before = sorted(path.name for path in (swept.folder / "steps").iterdir())
    said = edgequant(*words)
    assert said.status == 0 and said.out.count("2 bit") == 2 and "Simulated: sizes are estimates." in said.out
    assert sorted(path.name for path in (swept.folder / "steps").iterdir()) == before


def test_the_command_refuses_a_width_in_one_line(edgequant: Callable[..., Any], tmp_path: Path) -> None:
    said = edgequant("sweep", "micro_cnn", "--data", "digits", "--weight-bits", "12", "--out", tmp_path / "run")
    assert "--weight-bits takes widths from 2 to 8. Got '12'." in said.refusal
    assert not (tmp_path / "run").exists()
