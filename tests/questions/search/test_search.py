"""`edgequant search` on a small network."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgequant import api
from edgequant.core.errors import BadOption
from edgequant.questions.search.asked import AskedSearch, budget
from edgequant.questions.sensitivity.asked import AskedSensitivity
from edgequant.recipe.recipe import load_recipe
from edgequant.recipe.write import recipe_of
from edgequant.store.run import Run

MICRO: dict[str, Any] = {"data": "digits", "weights": "random", "samples": 100, "allow_few": True, "images": 32}
SIMULATED = MICRO | {"target": "simulation"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return api.search(AskedSearch("micro_cnn", max_bytes="80%", **MICRO), tmp_path_factory.mktemp("search") / "run")


def test_the_file_keeps_its_budget_and_the_recipe_gives_that_file(found: Run) -> None:
    (record,) = found.results["search"]
    base, chosen = record["base"]["measured"], record["chosen"]
    assert chosen["measured"]["bytes"] <= 0.8 * base["bytes"]
    assert abs(chosen["measured"]["bytes"] - chosen["bytes"]) <= 16 * len(record["layers"])
    recipe = load_recipe(found.folder / chosen["recipe"])
    others = {layer: scheme for layer, scheme in chosen["choice"].items() if scheme != "w8a8"}
    assert recipe == recipe_of("mixed", "w8a8-all", others) and others


def test_every_layer_was_timed_and_weighed_in_both_schemes(found: Run) -> None:
    (record,) = found.results["search"]
    for layer in record["layers"]:
        wide, narrow = layer["options"]
        assert (wide["scheme"], narrow["scheme"]) == ("w8a8", "w4a8")
        assert 0.5 * wide["bytes"] <= narrow["bytes"] < wide["bytes"] and wide["ms"] > 0 and narrow["ms"] > 0
        assert narrow["harm"] >= 0
    assert set(record["both"]) == {"base", "chosen"} and record["seconds"] > 0
    lines = (found.folder / "search.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * len(record["layers"])


def test_the_front_trades_bytes_for_divergence_and_is_in_the_report(found: Run) -> None:
    (record,) = found.results["search"]
    sizes = [point["bytes"] for point in record["front"]]
    assert len(sizes) >= 5 and sizes == sorted(sizes)
    text = (found.folder / "report.html").read_text()
    assert "Mixed precision" in text and "chosen" in text and (found.folder / "search.png").exists()


def test_a_drop_is_a_budget_too_and_scores_may_come_from_a_sensitivity_run(tmp_path: Path) -> None:
    scores = AskedSensitivity("micro_cnn", bits="8,4", **MICRO)
    api.sensitivity(scores, tmp_path / "sensitivity")
    asked = AskedSearch("micro_cnn", sensitivity=str(tmp_path / "sensitivity"), max_drop=100.0, **SIMULATED)
    (record,) = api.search(asked, tmp_path / "run").results["search"]
    narrow = sum(scheme == "w4a8" for scheme in record["chosen"]["choice"].values())
    assert narrow >= 10 and record["chosen"]["measured"]["file"] is None and record["both"] is None
    with pytest.raises(BadOption, match="knows 0 of 12 layers at w5a8"):
        api.search(replace(asked, schemes="w8a8,w5a8"), tmp_path / "no")


def test_other_widths_and_float_are_mixed_where_the_target_can(tmp_path: Path) -> None:
    asked = AskedSearch("micro_cnn", schemes="w8a8,w4a8,w8a16,float", max_bytes="90%", **SIMULATED)
    (record,) = api.search(asked, tmp_path / "run").results["search"]
    assert [option["scheme"] for option in record["layers"][0]["options"]] == ["w8a8", "w4a8", "w8a16", "float"]
    assert record["chosen"]["measured"]["bytes"] <= 0.9 * record["base"]["measured"]["bytes"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schemes": "w8a8"}, "--schemes names two at least"),
        ({"schemes": "float,w8a8"}, "float behind them"),
        ({"schemes": "w8a8,w4"}, "takes wXaY"),
        ({"schemes": "w8a8,w8a16"}, "no kernel that reads one activation width and writes another"),
        ({"max_drop": -1.0}, "--max-drop is at least 0 points, and --images at least 2. Got -1"),
        ({"max_drop": float("nan")}, "Got nan"),
        ({"name": "../x"}, "--name is a part of a file's name"),
    ],
)
def test_what_cannot_be_mixed_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadOption, match=said):
        AskedSearch("micro_cnn", **(MICRO | changes)).study()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_bytes": "1%"}, "No mix of w8a8, w4a8 keeps --max-bytes 1%"),
        ({"max_ms": "100%"}, "runs nothing, so it has no latency"),
        ({"max_bytes": "small"}, "--max-bytes takes a number, or a percentage"),
    ],
)
def test_a_budget_that_nothing_keeps_is_refused(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=said):
        api.search(AskedSearch("micro_cnn", **(SIMULATED | changes)), tmp_path / "run")


def test_budgets_and_defaults() -> None:
    assert budget("75%", "--max-bytes", 200.0) == 150.0 and budget("75", "--max-bytes", 200.0) == 75.0
    assert budget("", "--max-ms", 1.0) == float("inf")
    drops = [AskedSearch("x", max_drop=drop, max_ms=ms).drop for drop, ms in ((None, ""), (None, "1"), (2.0, "1"))]
    assert drops == [0.5, float("inf"), 2.0]
    assert AskedSearch("x", schemes=" w8a8, w4a8 ,w8a8").names() == ("w8a8", "w4a8")


def test_the_command_says_what_to_type_next(edgequant: Callable[..., Any], tmp_path: Path) -> None:
    words = ("search", "micro_cnn", "--data", "digits", "--weights", "random", "--samples", "100", "--allow-few")
    said = edgequant(
        *words, "--images", "32", "--target", "simulation", "--max-bytes", "85%", "--out", tmp_path / "run"
    )
    assert said.status == 0 and "The chosen mix is not timed, for simulation makes no file" in said.out
    typed = next(line for line in said.out.splitlines() if line.startswith("Next: edgequant run "))
    made = edgequant(*shlex.split(typed)[2:])
    assert made.status == 0 and "simulation-mixed" in made.out, "what is typed next runs as it stands"
    assert "--schemes names two" in edgequant(*words, "--schemes", "w8a8").refusal
