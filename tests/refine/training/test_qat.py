"""Training with the rounding in it: what it gains, what it leaves, how it stops and goes on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from edgequant.core.errors import BadData, BadModel, BadOption, Diverged, RunFolderError
from edgequant.quantization.reference import Reference
from edgequant.refine import store as qat_store
from edgequant.refine.training.network import FakeQuantized
from edgequant.refine.training.oscillation import Freezing
from edgequant.refine.training.qat import QAT, rate_for
from edgequant.train import loop
from edgequant.train.settings import TrainSettings
from qat_samples import pixels, split, splits, trained, training
from refine_samples import fingerprint, reference_of, silent, simulated, tensors, unchanged

SHORT = QAT(epochs=3, lr=0.01)


@cache
def start(recipe: str = "w3a3-all") -> Reference:
    return reference_of(trained(), recipe, pixels=pixels())


def accuracy(reference: Reference) -> float:
    data = split(200, 7)
    scores = simulated(reference, data.take(data.indices))
    return float((scores.argmax(1) == torch.as_tensor(data.labels)).float().mean())


def same(a: Reference, b: Reference) -> bool:
    return a.activations == b.activations and unchanged(fingerprint(a), b)


def test_it_wins_back_what_few_bits_cost(tmp_path: Path) -> None:
    given = start("w2a8-all")
    before = fingerprint(given)
    found = QAT(epochs=4, lr=0.02).train(given, training(tmp_path), silent)
    assert accuracy(found) > accuracy(given) + 0.3
    assert unchanged(before, given), "what it started from is left as it was"
    assert found.activations != given.activations
    assert all(not torch.equal(w.scale, given.weights[n].scale) for n, w in found.weights.items())


def test_what_is_exported_is_what_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scores of the network at the end of training are those of the integer executor on the reference."""
    made: list[FakeQuantized] = []
    fit = loop.fit

    def spy(network: FakeQuantized, *rest: Any, **options: Any) -> dict[str, Any]:
        made.append(network)
        return fit(network, *rest, **options)

    monkeypatch.setattr("edgequant.refine.training.qat.fit", spy)
    found = SHORT.train(start(), training(tmp_path), silent)
    with torch.no_grad():
        scores = made[0](tensors(pixels(50)))
    step = found.activations[found.captured.program.only.tensor].scale
    assert float(((simulated(found, pixels(50)) - scores).abs() < step / 2).float().mean()) > 0.97
    again = FakeQuantized(found, Freezing()).eval()
    with torch.no_grad():
        torch.testing.assert_close(again(tensors(pixels(50))), scores)


def test_weights_in_the_network_are_on_their_grid(tmp_path: Path) -> None:
    found = QAT(epochs=1).train(start(), training(tmp_path), silent)
    for name, weight in found.weights.items():
        top = 2 ** (weight.bits - 1) - 1
        assert int(weight.q.abs().max()) <= top
        grid = weight.q.float() * weight.scale.view(-1, *[1] * (weight.q.dim() - 1))
        torch.testing.assert_close(found.captured.network.layer(name).weight.detach(), grid)


def test_only_some_images_are_learned_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(
        "edgequant.refine.training.qat.fit", lambda _network, splits, *_, **__: seen.append(len(splits.train))
    )
    given = training(tmp_path)
    for images in (0, 40, 10**6):
        QAT(images=images).train(start(), given, silent)
    assert seen == [len(given.splits.train), 40, len(given.splits.train)]


def test_a_training_on_other_images_is_no_checkpoint_of_this_one(tmp_path: Path) -> None:
    QAT(epochs=1, images=60).train(start(), training(tmp_path), silent)
    with pytest.raises(RunFolderError, match="another data set or split"):
        QAT(epochs=1, images=50).train(start(), training(tmp_path), silent)


class Killed(Exception):
    pass


def test_killed_and_resumed_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    def kill(done: int, _total: int) -> None:
        if done == 9:  # in the second epoch of three
            raise Killed

    whole = SHORT.train(start(), training(tmp_path / "whole"), silent)
    with pytest.raises(Killed):
        SHORT.train(start(), training(tmp_path / "killed"), kill)
    torch.rand(7)
    assert same(whole, SHORT.train(start(), training(tmp_path / "killed"), silent))
    assert not same(whole, replace_seed(SHORT, 1).train(start(), training(tmp_path / "other"), silent))


def replace_seed(qat: QAT, seed: int) -> QAT:
    return replace(qat, seed=seed)


def test_a_checkpoint_of_another_architecture_or_of_other_settings(tmp_path: Path) -> None:
    QAT(epochs=1, lr=0.01).train(start(), training(tmp_path), silent)
    with pytest.raises(BadModel, match="is of another network"):
        QAT(epochs=1, lr=0.01).train(start("w8a8"), training(tmp_path), silent)
    with pytest.raises(RunFolderError, match=r"epochs=1 \(now 2\)"):
        QAT(epochs=2, lr=0.01).train(start(), training(tmp_path), silent)


def test_a_loss_that_diverges_names_the_layer_whose_scale_ran_away(tmp_path: Path) -> None:
    message = (
        r"A scale or a zero point moved .*\. There is no checkpoint yet\. The scale that ran away furthest is that of"
        r" .* times the calibrated one\)\. Lower qat's lr \(now 1e\+20\)"
    )
    with pytest.raises(Diverged, match=message):
        QAT(epochs=2, lr=1e20).train(start(), training(tmp_path), silent)


def test_divergence_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    seen = 0

    def loss(_student: Any) -> loop.Loss:
        def run(network: Any, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            nonlocal seen
            seen += 1
            logits = network(images)
            return F.cross_entropy(logits, labels) * (1.0 if seen <= 6 else float("inf")), logits

        return run

    with pytest.raises(Diverged, match=r"The checkpoint of epoch 1 is kept\. The scale that ran away"):
        QAT(epochs=2).train(start(), training(tmp_path, loss=loss), silent)
    assert (tmp_path / "checkpoint.pt").is_file()


def test_it_needs_labels_and_something_to_quantize(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"qat learns from labels.*\+distill"):
        SHORT.train(start(), training(tmp_path, splits=splits(labelled=False)), silent)
    with pytest.raises(BadOption, match="float32 quantizes no weight"):
        SHORT.train(start("float32"), training(tmp_path), silent)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "must be above 0"),
        ({"lr": 0.0}, "must be above 0"),
        ({"batch": 0}, "must be above 0"),
        ({"optimizer": "lion"}, "one of sgd, adam, adamw"),
        ({"augment": "flip-crp"}, "qat:augment knows"),
        ({"freeze_scales": 1.5}, "freeze_scales is between 0 and 1"),
        ({"freeze_weights": -0.1}, "freeze_weights is between 0 and 1"),
        ({"scale_rate": -1.0}, "scale_rate is at least 0"),
        ({"damping": -1.0}, "damping is at least 0"),
        ({"images": -1}, "images is at least 0"),
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        QAT(**options)


def test_it_trains_as_the_float_network_was_trained_unless_told() -> None:
    given = TrainSettings(batch=48, augment=("rotate",), rotate=3.0, ema=0.9, resolutions=((0, 4),), precision="bf16")
    found = QAT().settings(given)
    assert (found.batch, found.augment, found.rotate) == (48, ("rotate",), 3.0)
    assert (found.ema, found.resolutions, found.precision) == (0.0, (), "float32")
    told = QAT(batch=8, augment="flip-crop").settings(given)
    assert (told.batch, told.augment) == (8, ("flip", "crop")) and QAT(augment="").settings(given).augment == ()
    assert QAT().settings(None).batch == 64 and QAT().settings(None).augment == ("crop",)


@pytest.mark.parametrize(("recipe", "rate"), [("w8a8", 1e-3), ("w4a8", 3e-3), ("w4", 3e-3), ("w4a4", 1e-2)])
def test_the_rate_is_that_of_the_bits_unless_told(recipe: str, rate: float) -> None:
    assert (
        rate_for(start(recipe)) == rate == QAT().settings(None, rate).lr and QAT(lr=0.5).settings(None, rate).lr == 0.5
    )


def test_tf32_is_off_while_it_trains_and_then_as_it_was(tmp_path: Path) -> None:
    before, seen = torch.backends.cudnn.allow_tf32, []
    SHORT_ONE = QAT(epochs=1)
    SHORT_ONE.train(start(), training(tmp_path), lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    assert not any(seen) and seen and torch.backends.cudnn.allow_tf32 == before


def test_a_recipe_without_activations_is_trained_too(tmp_path: Path) -> None:
    found = QAT(epochs=1, lr=0.01).train(start("w2"), training(tmp_path), silent)
    assert not found.activations and any(
        not torch.equal(found.weights[n].q, w.q) for n, w in start("w2").weights.items()
    )


def test_a_trained_reference_is_kept_and_read_back(tmp_path: Path) -> None:
    found = QAT(epochs=1, lr=0.01).train(start(), training(tmp_path), silent)
    qat_store.save(tmp_path / "learned.safetensors", found)
    back = qat_store.load(tmp_path / "learned.safetensors", start())
    assert same(found, back) and back.layers == found.layers and back.captured.classes == found.captured.classes
    assert qat_store.fingerprint(back) == qat_store.fingerprint(found) != qat_store.fingerprint(start())
