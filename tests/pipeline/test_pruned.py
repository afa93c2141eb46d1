"""A recipe that prunes: a smaller file, judged against the whole network."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgequant import api
from edgequant.core.errors import BadModel
from edgequant.core.progress import Silent
from edgequant.core.records import Run
from edgequant.core.rundir import RunFolder
from edgequant.pipeline.pruned import pruned, pruners
from edgequant.study import Calibration, NetworkSpec, Study
from edgequant.train.settings import TrainSettings

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


def test_only_what_prunes_is_a_pruner() -> None:
    assert pruners(["adaround", "prune:keep=0.5", "qat"]) == ["prune:keep=0.5"]


def test_a_recipe_without_it_leaves_the_network(tmp_path: Path) -> None:
    from pipeline_samples import prepared

    network = prepared(tmp_path)
    with RunFolder(tmp_path) as run:
        assert pruned(network, ["adaround"], run, Silent()) == (network, 0.0)


def test_what_cannot_get_so_small_is_refused_in_words(tmp_path: Path) -> None:
    from pipeline_samples import prepared

    network = prepared(tmp_path)
    with RunFolder(tmp_path) as run, pytest.raises(BadModel, match="Pruning stopped at"):
        pruned(network, ["prune:keep=0.01,least=0.9"], run, Silent())
