"""Bias correction on errors that were planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from edgequant.core.arrays import only
from edgequant.core.errors import BadData, BadOption
from edgequant.quantization.reference import Reference
from edgequant.refine.bias_correct import BiasCorrect
from edgequant.refine.walk import float_network
from refine_samples import fingerprint, images, reference_of, residual, silent, simulated, tensors, unchanged


def shifted() -> Reference:
    """Integers that are one step too large in every layer: their mean error is far from zero."""
    reference = reference_of(residual(), "w5a8-all")
    up = {k: replace(w, q=torch.clamp(w.q + 1, -15, 15)) for k, w in reference.weights.items()}
    return replace(reference, weights=up)


def mean_error(reference: Reference) -> float:
    """Of the scores, in the mean over held-out images, worst class."""
    held_out = images(256, 5)
    with torch.no_grad():
        truth = only(residual().network(tensors(held_out)))
    return float((simulated(reference, held_out) - truth).mean(0).abs().max())


def test_the_mean_error_falls() -> None:
    before = shifted()
    after = BiasCorrect().reference(before, images(256), silent)
    assert mean_error(after) < mean_error(before) / 5


def test_every_channel_of_every_layer_is_right_in_the_mean() -> None:
    """Measured by the executor itself, on the images it was corrected with: half a step of the bias is left."""
    before, pixels = shifted(), images(64)
    after = BiasCorrect().reference(before, pixels, silent)
    again = BiasCorrect().reference(after, pixels, silent)
    for step in after.captured.program.layers:
        weight, source = after.weights[step.layer], after.activations[step.inputs[0]]
        one, two = (r.captured.network.layer(step.layer).bias for r in (after, again))
        assert one is not None and two is not None
        assert ((one - two).abs() <= 0.51 * weight.scale * source.scale + 1e-6).all()


def test_what_a_later_refiner_compares_with_is_the_first_network() -> None:
    before = shifted()
    after = BiasCorrect().reference(BiasCorrect().reference(before, images(64), silent), images(64), silent)
    x = tensors(images(8, 3))
    with torch.no_grad():
        wanted = only(before.captured.network(x))
        torch.testing.assert_close(only(float_network(after.captured.network)(x)), wanted)
        assert not torch.allclose(only(after.captured.network(x)), wanted)


def test_weights_only_are_corrected_too() -> None:
    before = reference_of(residual(), "w3-all")
    after = BiasCorrect().reference(before, images(64), silent)
    assert not after.activations
    old, new = (r.captured.network.layer("down.0").bias for r in (before, after))
    assert old is not None and new is not None and not torch.equal(old, new)


def test_nothing_to_correct_comes_back_as_it_is() -> None:
    reference = replace(reference_of(residual(), "w8"), weights={})
    assert BiasCorrect().reference(reference, images(4), silent) is reference


def test_a_layer_left_in_float_keeps_its_bias() -> None:
    before = shifted()
    partly = replace(before, weights={k: w for k, w in before.weights.items() if k != "down.0"})
    after = BiasCorrect().reference(partly, images(32), silent)
    old, new = (r.captured.network.layer("down.0").bias for r in (partly, after))
    assert old is not None and new is not None and torch.equal(old, new)
    assert next(f for f in after.layers if f.name == "down.0").reason == ""


def test_the_argument_is_left_as_it_was_and_the_fate_says_what_was_done() -> None:
    before = shifted()
    state = fingerprint(before)
    after = BiasCorrect().reference(before, images(64), silent)
    assert unchanged(state, before)
    assert all(f.reason.startswith("bias corrected: by ") for f in after.layers)
    assert after.activations == before.activations


def test_a_layer_without_bias_gets_one() -> None:
    after = BiasCorrect().reference(shifted(), images(32), silent)
    assert after.captured.network.layer("block.2").bias is not None


def test_ticks_reach_the_end() -> None:
    seen: list[tuple[int, int]] = []
    BiasCorrect().reference(shifted(), images(8), lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == len(seen)


def test_16_bit_activations() -> None:
    """Their sums pass what XNNPACK's additions hold, so the builtin kernels' arithmetic has to be taken."""
    before = reference_of(residual(), "w3a16-all")
    assert mean_error(BiasCorrect().reference(before, images(256), silent)) < mean_error(before) / 5


def test_only_so_many_images_are_used() -> None:
    few = BiasCorrect(images=16).reference(shifted(), images(64), silent)
    same = BiasCorrect().reference(shifted(), images(64)[:16], silent)
    assert unchanged(fingerprint(few), same)


def test_no_images_are_refused() -> None:
    with pytest.raises(BadData, match="no image to refine on"):
        BiasCorrect().reference(shifted(), np.zeros((0, 8, 8, 3), np.uint8), silent)


def test_no_images_asked_for_is_refused() -> None:
    with pytest.raises(BadOption, match=r"images is at least 1. Got 0"):
        BiasCorrect(images=0)
