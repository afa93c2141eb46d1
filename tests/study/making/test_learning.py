"""Variants that train: made once for all targets that quantize alike, resumed, and as their files answer."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edgequant.catalog import REFINERS
from edgequant.core.arrays import only
from edgequant.core.errors import BadModel, BadOption
from edgequant.core.progress import Silent
from edgequant.models.architectures.micro_cnn import MicroCNN
from edgequant.models.weights import save_weights
from edgequant.refine.training.distill import Distill
from edgequant.refine.training.qat import QAT
from edgequant.store.code import training_code
from edgequant.store.folder import RunFolder
from edgequant.study.making.learning import check_refiners, settings_of, teacher_of, teaching
from edgequant.study.making.variant import Made, make
from edgequant.study.plan import Variant
from edgequant.study.prepared import Prepared
from edgequant.study.running.checks import check_names
from edgequant.train.settings import TrainSettings
from pipeline_samples import bench, in_memory, prepared, study, tiny, variant

QUICK = "qat:epochs=1,lr=0.01,batch=16,augment="
TRAIN = TrainSettings(batch=32, augment=())


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepared(tmp_path_factory.mktemp("network"))


def made(one: Variant, folder: Path) -> Made:
    with RunFolder(folder) as run:
        return make(bench(run), one)


def kept(folder: Path) -> int:
    return len(list((folder / "steps").glob("learned-*")))


@pytest.mark.parametrize("target", ["litert", "onnxruntime"])
@pytest.mark.parametrize("base", ["w8a8", "w4a8"])
def test_the_file_answers_what_the_simulation_of_the_trained_network_does(
    target: str, base: str, network: Prepared, tmp_path: Path
) -> None:
    one = variant(network, f"{base}+{QUICK}+distill:alpha=0.5", target)
    step = made(one, tmp_path)
    promised, test = step.promised("test"), network.splits.test
    assert promised is not None and test is not None and step.seconds["refine"] > 0
    session = step.open()
    shown = test.take(np.arange(len(test))).transpose(0, 3, 1, 2).astype(np.float32)
    got = only(session.run((shown - 128) / 128))
    unit = session.only.scale
    assert float((np.abs(got - only(promised)) < unit / 2).mean()) >= 0.99
    assert all("qat: " in fate["reason"] for fate in step.layers)


def test_targets_that_quantize_alike_share_a_training(network: Prepared, tmp_path: Path) -> None:
    steps = [made(variant(network, f"w8a8+{QUICK}", t), tmp_path) for t in ("litert", "onnxruntime", "simulation")]
    assert kept(tmp_path) == 1 and len({s.kept.key for s in steps}) == 3
    assert len({str(s.layers) for s in steps}) == 1
    made(variant(network, "w8a8+qat:epochs=1,lr=0.02,augment="), tmp_path)
    made(variant(network, f"w8a8+{QUICK}+distill"), tmp_path)
    assert kept(tmp_path) == 3


def test_how_the_float_network_was_trained_is_part_of_the_key(network: Prepared, tmp_path: Path) -> None:
    plain, told = variant(network, "w8a8+qat:epochs=1"), replace(variant(network, "w8a8+qat:epochs=1"), train=TRAIN)
    assert made(plain, tmp_path).kept.key != made(told, tmp_path).kept.key
    fixed = variant(network, "w8a8")
    assert made(fixed, tmp_path).kept.key == made(replace(fixed, train=TRAIN), tmp_path).kept.key


def test_a_run_that_is_killed_goes_on_where_it_was(network: Prepared, tmp_path: Path) -> None:
    one = variant(network, "w4a8+qat:epochs=3,lr=0.01,augment=", "simulation")
    whole = made(one, tmp_path / "whole")
    said: list[str] = []

    class Interrupting(Silent):
        def say(self, text: str) -> None:
            said.append(text)
            if "epoch 2/3" in text:
                raise Killed

    with pytest.raises(Killed), RunFolder(tmp_path / "killed") as run:
        make(bench(run, Interrupting()), one)
    assert list((tmp_path / "killed" / "steps").glob(".work-learned-*/checkpoint.pt"))
    again = made(one, tmp_path / "killed")
    np.testing.assert_array_equal(only(whole.promised("test")), only(again.promised("test")))
    assert whole.layers == again.layers
    assert not list((tmp_path / "killed" / "steps").glob("learned-*/checkpoint.pt")) and any(
        "epoch 1/3" in s for s in said
    )


def test_after_adaround_and_without_labels(tmp_path: Path) -> None:
    unlabelled = prepared(tmp_path / "network", dataset=in_memory(labelled=False))
    step = made(variant(unlabelled, f"w4a8+adaround:iterations=20+{QUICK}+distill"), tmp_path)
    reason = step.layers[1]["reason"]
    assert "adaround: " in reason and "qat: " in reason


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("w8a8+distill", r"distill changes a training, and w8a8 has none before it\. Write w8a8\+qat\+distill"),
        ("w8a8+distill+qat", "has none before it"),
        ("float32+qat", "float32 rounds nothing to integers"),
        ("float16+qat", "float16 rounds nothing to integers"),
        ("float32+bias_correct", "bias_correct has nothing to mend"),
        ("w8a8+qat:epochs=none", "Expected int"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_work(recipe: str, message: str) -> None:
    with pytest.raises(BadOption, match=message):
        check_names(study(recipes=(recipe,)))
    check_names(study(recipes=("w4a8+equalize+adaround+qat+distill:temperature=4", "dynamic-w8+qat", "w4+qat")))


def test_a_loss_is_that_of_the_training_before_it() -> None:
    asked = ("equalize", "qat", "distill:alpha=0.2", "qat:epochs=1", "distill")
    refiners = [REFINERS.build(r) for r in asked]
    assert teaching(refiners, 1) == [Distill(alpha=0.2)] and teaching(refiners, 3) == [Distill()]
    check_refiners("w8a8", asked)
    assert settings_of(TRAIN, refiners) is not None and settings_of(TRAIN, []) is None is settings_of(None, [QAT()])


def test_the_teacher_is_the_float_network_or_one_that_is_named(network: Prepared, tmp_path: Path) -> None:
    own = teacher_of([Distill()], network)
    assert own.network is network.captured.network and own.name == "the float network"
    torch.manual_seed(0)
    module = MicroCNN(0.5).build(MicroCNN(0.5).inputs((1, 8, 8)), len(network.splits.classes))
    save_weights(module, tmp_path / "weights.safetensors")
    asked = Distill(teacher="micro_cnn:width=0.5", weights=str(tmp_path / "weights.safetensors"))
    named = teacher_of([asked], network)
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(only(named.network(x)), module.eval()(x), rtol=1e-2, atol=1e-2)
    with pytest.raises(BadModel, match=r"The teacher micro_cnn has no weights of its own\. Write distill:teacher="):
        teacher_of([Distill(teacher="micro_cnn")], network)


def test_the_teacher_of_a_pruned_network_is_the_whole_one(network: Prepared, tmp_path: Path) -> None:
    whole = prepared(tmp_path / "whole").captured
    assert teacher_of([Distill()], dataclasses.replace(network, whole=whole)).network is whole.network


def test_a_trained_network_of_ones_own_in_memory_can_be_the_student(tmp_path: Path) -> None:
    step = made(variant(prepared(tmp_path / "n", tiny(3)), f"w2a4-all+{QUICK}", "simulation"), tmp_path)
    assert step.file is None and step.bytes_estimated


def test_the_code_that_decides_a_training_is_part_of_its_key() -> None:
    assert len(training_code()) == 64
