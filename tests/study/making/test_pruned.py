"""A recipe that prunes: a smaller file, judged against the whole network."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from edgequant import api
from edgequant.core.errors import BadModel, BadOption
from edgequant.refine.training.prune import Prune
from edgequant.store.folder import RunFolder
from edgequant.store.run import Run
from edgequant.study.making import prune_target
from edgequant.study.making.pruned import pruned
from edgequant.study.study import Calibration, NetworkSpec, Study
from edgequant.train.settings import TrainSettings
from pipeline_samples import bench, prepared, variant

RECIPE = "w8a8+prune:keep=0.6,round_to=1,epochs=1"
SHORT = TrainSettings(epochs=2, batch=50, lr=0.1, augment=())
SPEC = NetworkSpec("micro_cnn", "digits", train=SHORT, weights="")
STUDY = Study(
    "small", recipes=("float32", "w8a8", RECIPE, RECIPE.replace("w8a8", "float32")), calibration=(Calibration(n=100),),
    network=(SPEC,), quick=60,
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("pruned") / "run"
    return api.run(STUDY, folder), folder


def test_the_file_is_smaller_than_int8_alone_and_keeps_its_promise(finished: tuple[Run, Path]) -> None:
    by_name = {v["name"]: v for v in finished[0].results["variants"]}
    assert {v["status"] for v in by_name.values()} == {"ok"}
    small, plain = by_name["w8a8-prune"], by_name["w8a8"]
    assert small["bytes"] < plain["bytes"] and small["refine"] == ["prune"]
    assert small["parity"]["gate"] == "passed" and small["seconds"]["prune"] > 0
    assert small["baseline_id"] == by_name["float32"]["id"], "the whole network, not the pruned one"
    assert small["size_ratio"] == by_name["float32"]["bytes"] / small["bytes"]
    assert by_name["float32-prune"]["bytes"] < by_name["float32"]["bytes"]


def test_it_is_pruned_once_for_all_recipes(finished: tuple[Run, Path]) -> None:
    steps = [path.name for path in (finished[1] / "steps").iterdir()]
    assert sum(name.startswith("prune-") for name in steps) == 1


def test_a_recipe_without_it_leaves_the_network(tmp_path: Path) -> None:
    one = variant(prepared(tmp_path), "w8a8+adaround")
    with RunFolder(tmp_path) as run:
        assert pruned(bench(run), one) == (one, 0.0)


def test_what_cannot_get_so_small_is_refused_in_words(tmp_path: Path) -> None:
    one = variant(prepared(tmp_path), "w8a8+prune:keep=0.01,least=0.9")
    with RunFolder(tmp_path) as run, pytest.raises(BadModel, match="Pruning stopped at"):
        pruned(bench(run), one)


NEARLY = 2.1  # kB: the tiny network in int8 has a little more
AIM = "prune:round_to=1,epochs=1,"


def found(folder: Path) -> dict[str, Any]:
    [value] = folder.glob("steps/prune-target-*/value.json")
    return json.loads(value.read_text())["value"]  # type: ignore[no-any-return]


def test_a_size_is_met_and_little_is_given_away(tmp_path: Path) -> None:
    study = dataclasses.replace(STUDY, recipes=("float32", "w8a8", f"w8a8+{AIM}kb=16"))
    plain, small = api.run(study, tmp_path / "run").results["variants"][1:]
    search = found(tmp_path / "run")
    assert small["bytes"] <= 16_000 < plain["bytes"]
    assert search["figure"] == pytest.approx(small["bytes"] / 1000, rel=0.01), "training does not change the size"
    too_large = min(keep for keep, figure in search["tried"] if figure > 16)
    assert 0 < too_large - search["keep"] < 0.01
    assert small["seconds"]["prune"] > search["seconds"]


def test_a_network_that_cannot_be_pruned_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise BadModel("No trace.")

    monkeypatch.setattr(Prune, "cut", refuse)
    one = variant(prepared(tmp_path), f"w8a8+{AIM}kb={NEARLY}")
    with RunFolder(tmp_path) as run, pytest.raises(BadModel, match="No trace"):
        pruned(bench(run), one)


def test_a_latency_is_met(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # what a file weighs stands for what it takes: no test depends on a clock
    monkeypatch.setattr(prune_target._Trial, "milliseconds", lambda _, path: path.stat().st_size / 1000)
    network = prepared(tmp_path)
    with RunFolder(tmp_path) as run:
        smaller, _ = pruned(bench(run), variant(network, f"w8a8+{AIM}kb={NEARLY}"))
        timed, _ = pruned(bench(run), variant(network, f"w8a8+{AIM}ms={NEARLY}"))
    assert timed.network.key == smaller.network.key != network.key


@pytest.mark.parametrize(
    ("aim", "target", "error", "words"),
    [
        ("kb=100", "litert", BadOption, "already. Leave prune out"),
        ("kb=0.1", "litert", BadModel, "no file of at most 0.1 kB was found"),
        ("ms=1", "simulation", BadOption, "needs a runtime"),
        ("ms=1,kb=1", "litert", BadOption, "kb or ms, one of them"),
    ],
)
def test_a_target_that_cannot_be_met_is_refused_in_words(
    aim: str, target: str, error: type[Exception], words: str, tmp_path: Path
) -> None:
    one = variant(prepared(tmp_path), f"w8a8+{AIM}{aim}", target)
    with RunFolder(tmp_path) as run, pytest.raises(error, match=words):
        pruned(bench(run), one)
