"""A pretrained network learns other classes: the head on frozen features, then the whole at a low rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgequant.core.arrays import only
from edgequant.core.errors import BadData, BadModel
from edgequant.core.image import InputSpec
from edgequant.data.classes.arrays import InMemory
from edgequant.models.model import AbstractModel
from edgequant.models.weights import save_weights
from edgequant.models.wrap import Wrapped
from edgequant.store.folder import RunFolder
from edgequant.study.networks.order import Order
from edgequant.study.networks.transfer import transferred
from edgequant.study.networks.weights import training_key
from edgequant.study.prepared import Prepared
from edgequant.study.study import NetworkSpec
from edgequant.train.settings import TrainSettings, Transfer
from pipeline_samples import SPEC, bench, images, in_memory, prepared, tiny

SHORT = Transfer(classes=4, epochs=40, lr=0.05, dropout=0.0)
TUNE = TrainSettings(epochs=1, batch=32, optimizer="adam", lr=5e-5, augment=(), warmup_epochs=0)


def three_classes() -> InMemory:
    """Dark, middle and light images."""
    pixels, labels = images(240)
    kept = labels < 3
    return InMemory(pixels[kept], labels[kept], ("dark", "middle", "light"))


def taught(folder: Path, **fields: object) -> Prepared:
    return prepared(folder, tiny(0), three_classes(), transfer=SHORT, **fields)


def test_the_new_head_has_the_sets_classes_and_learns_them(tmp_path: Path) -> None:
    network = taught(tmp_path / "run")
    assert network.captured.classes == ("dark", "middle", "light")
    assert network.captured.program.only.shape == (3,)
    assert "a new head of 3 classes on frozen features, 40 epochs" in network.provenance
    validation = network.splits.validation
    from edgequant.core.preprocess import normalise

    x = torch.from_numpy(normalise(validation.take(np.arange(len(validation))), SPEC))
    with torch.no_grad():
        right = (only(network.captured.network(x)).argmax(1).numpy() == validation.labels).mean()
    assert right > 0.9


def test_all_but_the_head_is_as_it_was_pretrained(tmp_path: Path) -> None:
    before, network = tiny(0), taught(tmp_path / "run").captured.network
    assert torch.equal(network.layer("stem").weight, before.stem.weight)
    assert network.layer("head").weight.shape == (3, 4)


def test_features_and_head_are_computed_once(tmp_path: Path) -> None:
    taught(tmp_path / "run")
    steps = {p: p.stat().st_mtime_ns for p in (tmp_path / "run" / "steps").iterdir()}
    assert {p.name.partition("-")[0] for p in steps} == {"features", "head"}
    taught(tmp_path / "run")
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "run" / "steps").iterdir()} == steps


def test_fine_tuning_moves_every_layer_a_little(tmp_path: Path) -> None:
    network = taught(tmp_path / "run", train=TUNE)
    assert "fine-tuned: trained here: 1 epochs" in network.provenance
    moved = (network.captured.network.layer("stem").weight - tiny(0).stem.weight).detach().abs().max()
    assert 0 < float(moved) < 0.01
    assert network.key != taught(tmp_path / "run").key


def test_a_fine_tuned_state_is_not_that_of_a_training_from_scratch() -> None:
    splits = three_classes().load(SPEC)
    spec = NetworkSpec("Tiny", "in memory", train=TUNE)
    assert training_key(spec, TUNE, splits) != training_key(replace(spec, transfer=SHORT), TUNE, splits)


class Unweighted(AbstractModel):
    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:  # noqa: ARG002
        return SPEC

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:  # noqa: ARG002
        return tiny()


def transfer(folder: Path, model: AbstractModel, spec: NetworkSpec, labelled: bool = True) -> str:
    with RunFolder(folder) as run:
        order = Order(model, spec, SPEC, in_memory(labelled=labelled).load(SPEC))
        return transferred(bench(run), order)[1]


def test_pretrained_weights_come_from_a_file_or_are_said_to_be_random(tmp_path: Path) -> None:
    save_weights(tiny(2), tmp_path / "w.safetensors")
    spec = NetworkSpec("Tiny", "in memory", transfer=SHORT)
    said = transfer(tmp_path / "a", Unweighted(), replace(spec, weights=str(tmp_path / "w.safetensors")))
    assert said.startswith(str(tmp_path / "w.safetensors"))
    assert transfer(tmp_path / "b", Unweighted(), replace(spec, weights="random")).startswith("random weights in Tiny")
    with pytest.raises(BadModel, match="has no pretrained weights to transfer"):
        transfer(tmp_path / "c", Unweighted(), spec)


def test_transfer_needs_labels(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="Transfer learning needs labels"):
        transfer(tmp_path / "a", Wrapped(tiny(), SPEC), NetworkSpec("Tiny", "in memory", transfer=SHORT), False)
