"""Learned rounding, on networks small enough to learn in a second."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from edgequant.core.arrays import only
from edgequant.core.errors import BadData, BadOption, Unsupported
from edgequant.core.grid import QParams, quantize_weight
from edgequant.quantization.reference import Reference
from edgequant.refine.adaround import AdaRound
from edgequant.refine.bias_correct import BiasCorrect
from edgequant.refine.equalize import Equalize
from refine_samples import fingerprint, images, reference_of, residual, silent, simulated, tensors, unchanged

QUICK = AdaRound(iterations=120, positions=1024, batch=128, lr=0.1)


@pytest.fixture(scope="module")
def plain() -> Reference:
    return reference_of(residual(), "w3a8-all")


@pytest.fixture(scope="module")
def rounded(plain: Reference) -> Reference:
    return QUICK.reference(plain, images(128), silent)


def error(reference: Reference, seed: int = 7) -> float:
    """Mean squared, of the scores of held-out images."""
    held_out = images(256, seed)
    with torch.no_grad():
        truth = only(residual().network(tensors(held_out)))
    return float((simulated(reference, held_out) - truth).square().mean())


@pytest.mark.parametrize("bits", [3, 4])
def test_held_out_images_err_less_than_with_nearest(bits: int) -> None:
    nearest = reference_of(residual(), f"w{bits}a8-all")
    learned = replace(QUICK, scale="keep").reference(nearest, images(128), silent)
    assert error(learned) < error(nearest) * 2 / 3  # the optimum found differs a little between processors


def test_the_scale_of_least_error_helps(plain: Reference, rounded: Reference) -> None:
    kept = replace(QUICK, scale="keep").reference(plain, images(128), silent)
    assert torch.equal(kept.weights["down.0"].scale, plain.weights["down.0"].scale)
    assert not torch.equal(rounded.weights["down.0"].scale, plain.weights["down.0"].scale)
    assert error(rounded) < error(plain) / 4


def test_each_weight_moves_by_a_step_at_most_and_stays_in_range(plain: Reference, rounded: Reference) -> None:
    moved = 0
    for name, weight in rounded.weights.items():
        nearest = quantize_weight(plain.captured.network.layer(name).weight, weight.scale, 3)
        difference = (weight.q.int() - nearest.int()).abs()
        moved += int(difference.sum())
        assert difference.max() <= 1 and weight.q.abs().max() <= 3 and weight.q.dtype == torch.int8
    assert moved > 20


def test_it_is_deterministic(plain: Reference, rounded: Reference) -> None:
    again = QUICK.reference(plain, images(128), silent)
    assert all(torch.equal(again.weights[k].q, w.q) for k, w in rounded.weights.items())
    assert again.layers == rounded.layers
    other = replace(QUICK, seed=1).reference(plain, images(128), silent)
    assert any(not torch.equal(other.weights[k].q, w.q) for k, w in rounded.weights.items())


def test_the_argument_is_left_as_it_was(plain: Reference) -> None:
    state = fingerprint(plain)
    after = replace(QUICK, iterations=20).reference(plain, images(16), silent)
    assert unchanged(state, plain) and after is not plain
    assert after.activations == plain.activations and after.captured is plain.captured


def test_the_fates_tell_the_error_before_and_after(plain: Reference, rounded: Reference) -> None:
    """A layer has new integers if and only if its error fell; most have."""
    better = 0
    for fate in rounded.layers:
        before, after = fate.reason.removeprefix("adaround: output error ").split(",")[0].split(" -> ")
        fell = float(after) < float(before)
        better += fell
        assert fell == (not fate.reason.endswith("given rounding kept")), fate.reason
        assert fell == (rounded.weights[fate.name] is not plain.weights[fate.name])
    assert better >= 4


def test_layers_of_8_bits_keep_their_integers() -> None:
    plain = reference_of(residual(), "w8a8")
    with pytest.raises(Unsupported, match=r"fewer than 8 bits.*bits_below=9"):
        AdaRound().reference(plain, images(16), silent)
    mixed = reference_of(residual(), "w3a8")
    after = replace(QUICK, iterations=20).reference(mixed, images(16), silent)
    assert after.weights["stem.0"] is mixed.weights["stem.0"] and after.weights["head"] is mixed.weights["head"]
    assert next(f for f in after.layers if f.name == "head").reason == "adaround: 8 bits, given rounding kept"
    wide = replace(QUICK, iterations=20, bits_below=9).reference(plain, images(16), silent)
    assert next(f for f in wide.layers if f.name == "head").reason.startswith("adaround")


def test_what_is_no_better_is_not_taken(plain: Reference) -> None:
    """A single step of a rate near zero leaves nearest rounding, which is what it started from."""
    idle = AdaRound(iterations=1, lr=1e-12, positions=64, scale="keep")
    after = idle.reference(plain, images(16), silent)
    assert all(torch.equal(after.weights[k].q, w.q) for k, w in plain.weights.items())
    assert all(f.reason.endswith("not better: given rounding kept") for f in after.layers)


def test_a_scale_that_leaves_the_bias_no_room_is_not_taken(plain: Reference) -> None:
    """The input's scale is so small that the given weight scale just holds the bias."""
    layer = plain.captured.network.layer("head")
    assert layer.bias is not None
    source = plain.captured.program.layers[-1].inputs[0]
    tight = float((layer.bias.detach().abs() / plain.weights["head"].scale).max()) / (2**31 - 2**10)
    narrow = replace(plain, activations={**plain.activations, source: QParams(tight, 0)})
    after = replace(QUICK, iterations=2).reference(narrow, images(16), silent)
    assert torch.equal(after.weights["head"].scale, plain.weights["head"].scale)
    assert "on the given scale" in after.layers[-1].reason


def test_weights_only() -> None:
    before = reference_of(residual(), "w3-all")
    after = QUICK.reference(before, images(64), silent)
    assert not after.activations and any(not torch.equal(after.weights[k].q, w.q) for k, w in before.weights.items())
    assert "adaround: output error" in after.layers[0].reason


def test_ticks_once_a_layer(plain: Reference) -> None:
    seen: list[tuple[int, int]] = []
    replace(QUICK, iterations=2).reference(plain, images(8), lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, len(plain.weights)) for i in range(len(plain.weights))]


def test_refiners_compose() -> None:
    equalize, correct = Equalize(), BiasCorrect()
    reference = reference_of(residual(), "w3a8-all", [equalize])
    before = error(reference)
    for refiner in (equalize, correct, QUICK):
        reference = refiner.reference(reference, images(128), silent)
    assert error(reference) < before / 2
    reason = next(f.reason for f in reference.layers if f.name == "block.0")
    assert [part.split()[0] for part in reason.split("; ")] == ["equalized", "bias", "adaround:"]


def test_too_few_images_are_refused(plain: Reference) -> None:
    with pytest.raises(BadData, match=r"at least 8 images. Got 7"):
        AdaRound().reference(plain, images(7), silent)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("iterations", 0, "iterations is at least 1. Got 0"),
        ("batch", 0, "batch is at least 1"),
        ("positions", -1, "positions is at least 1"),
        ("lr", 0.0, "lr is above 0"),
        ("beta_end", float("nan"), "beta_end is above 0. Got nan"),
        ("images", 7, "images is at least 8. Got 7"),
        ("scale", "minmax", "scale is one of mse, keep. Got 'minmax'"),
    ],
)
def test_bad_options_are_refused(option: str, value: object, said: str) -> None:
    with pytest.raises(BadOption, match=said):
        AdaRound(**{option: value})  # type: ignore[arg-type]
