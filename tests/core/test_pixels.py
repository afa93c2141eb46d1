"""The words of the input contract: as they are typed, what they must agree with, and what is refused."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.core.errors import BadModel, BadOption
from edgequant.core.image import InputSpec
from edgequant.core.pixels import UNKNOWN, USUAL, Stated, described, filled, merged, settled, stated_of
from edgequant.core.preprocess import from_pixel_record, normalise, normalise_tensor, pixel_record

IMAGENET = InputSpec(3, 8, 6, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
OPEN = InputSpec(3, 8, 6, mean=(), std=())
floats = st.floats(0.01, 1, allow_nan=False)
triples = st.tuples(floats, floats, floats)
FIT = st.sampled_from(["", "crop", "letterbox"])


@pytest.mark.parametrize(
    "stated",
    [
        Stated(mean="0.485,0.456,0.406", std="0.229:0.224:0.225"),
        Stated(mean="0.485:0.456:0.406", std="0.229, 0.224, 0.225"),
        Stated(mean=IMAGENET.mean, std=IMAGENET.std),
        Stated(mean="imagenet"),
        Stated(mean="ImageNet", std="0.229,0.224,0.225", channels="rgb", size="6x8"),
    ],
)
def test_one_contract_in_every_way_of_saying_it(stated: Stated) -> None:
    assert settled(merged(OPEN, stated, "net"), "net") == IMAGENET


@settings(deadline=None)
@given(triples, triples, st.sampled_from(["rgb", "bgr", "grey", "4"]), FIT, st.integers(1, 99), st.integers(1, 99))
def test_numbers_words_and_text_say_the_same(
    mean: Any, std: Any, channels: str, fit: str, width: int, height: int
) -> None:
    pair = (mean, std) if channels in ("rgb", "bgr") else (mean[:1], std[:1])
    said = Stated(f"{width}x{height}", *pair, channels, fit)
    spec = merged(UNKNOWN, said, "net")
    assert merged(UNKNOWN, Stated(**said.texts()), "net") == spec, "text loses nothing"
    assert merged(spec, said, "net") == spec, "a source may be told what it says itself"
    assert (spec.width, spec.height, spec.mean) == (width, height, pair[0])
    assert from_pixel_record(spec.shape, pixel_record(spec)) == spec, "and so it is read back from a file"


@pytest.mark.parametrize("words", ["(x-128)/128", "x-128/128", "128/255"])
def test_a_formula_of_pixels_and_fractions(words: str) -> None:
    said = Stated(mean=words, std="" if "x" in words else words)
    assert merged(OPEN, said, "net") == replace(OPEN, mean=(128 / 255,), std=(128 / 255,))
    assert merged(OPEN, Stated(mean="(x-127)/128"), "net").mean == pytest.approx((127 / 255,))


@settings(deadline=None)
@given(triples, triples, st.integers(0, 2**31))
def test_bgr_is_rgb_with_every_channel_turned(mean: Any, std: Any, seed: int) -> None:
    """An independent judge: the turned image, mean and std through the plain formula."""
    images = np.random.default_rng(seed).integers(0, 256, (2, 3, 4, 3), np.uint8)
    spec = InputSpec(3, 3, 4, mean=mean, std=std, order="bgr")
    wanted = (images[..., ::-1] / 255.0 - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(normalise(images, spec), wanted.transpose(0, 3, 1, 2), atol=1e-4, rtol=1e-4)
    pixels = torch.from_numpy(images.astype(np.float32).transpose(0, 3, 1, 2).copy())
    np.testing.assert_allclose(normalise_tensor(pixels, spec), normalise(images, spec), atol=1e-4, rtol=1e-4)


def test_a_preset_belongs_to_its_colours() -> None:
    bgr = merged(OPEN, Stated(mean="imagenet", channels="bgr"), "net")
    assert (bgr.mean, bgr.order) == ((0.406, 0.456, 0.485), "bgr")
    assert merged(InputSpec(1, 8, 8, mean=(), std=()), Stated(mean="imagenet"), "net").mean == pytest.approx(
        (0.449,), abs=1e-3
    )
    assert all(len(merged(OPEN, Stated(mean=name), "net").std) in (1, 3) for name in USUAL)


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        (Stated(mean="0.5", std="0.5"), "itself says mean and std 0.485,0.456,0.406"),
        (Stated(channels="bgr"), "itself says channels 3 / rgb, and 3 / bgr"),
        (Stated(channels="grey"), "itself says channels 3 / rgb, and 1 / rgb"),
        (Stated(size=9), "itself says size 8 / 6, and 9 / 9"),
    ],
)
def test_what_contradicts_the_source_is_refused_with_both(stated: Stated, words: str) -> None:
    with pytest.raises(BadOption, match=words):
        merged(IMAGENET, stated, "net")
    assert merged(IMAGENET, stated, "net", free=True) != IMAGENET, "an architecture without weights may be overruled"


def test_a_crop_of_the_source_is_not_overruled() -> None:
    with pytest.raises(BadOption, match="itself says fit 256"):
        merged(replace(IMAGENET, resize=256), Stated(fit="stretch"), "net")
    assert merged(IMAGENET, Stated(fit="crop:12"), "net").resize == 12


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        (Stated(mean="0.5"), "std is missing"),
        (Stated(std="0.5"), "mean is missing"),
        (Stated(mean="123.675,116.28,103.53", std="58.4,57.1,57.4"), "in 0..255.*--mean 0.485,0.456,0.406"),
        (Stated(mean="0", std="255"), "in 0..255"),
        (Stated(mean="0.1,0.2", std="1"), "one for each of 3 channels"),
        (Stated(mean="0", std="0"), "every std above 0"),
        (Stated(mean="nan", std="1"), "takes numbers"),
        (Stated(mean="1/0", std="1"), "takes numbers"),
        (Stated(mean="(x-1)/0"), "every std above 0"),
        (Stated(mean="imagnet", std="1"), "or a name: imagenet.*Got 'imagnet'"),
        (Stated(mean="imagenet", std="1"), "Leave out --std"),
        (Stated(channels="rbg"), "rgb, bgr or grey. Got 'rbg'"),
        (Stated(size="big"), "width x height"),
        (Stated(size="1x2x3"), "width x height"),
        (Stated(fit="pad"), "stretch, crop, crop:256 or letterbox"),
        (Stated(fit="stretch:3"), "stretch, crop, crop:256 or letterbox"),
    ],
)
def test_words_that_say_nothing_possible(stated: Stated, words: str) -> None:
    with pytest.raises(BadOption, match=words) as info:
        merged(OPEN, stated, "net")
    assert "\n" not in str(info.value)


def test_what_nobody_says_is_asked_for() -> None:
    with pytest.raises(BadModel, match=r"what net takes.*--mean imagenet for both.*0..255.*--channels bgr") as info:
        settled(OPEN, "net")
    assert "\n" not in str(info.value)
    with pytest.raises(BadModel, match=r"which size net takes. Give --size 224"):
        settled(filled(merged(UNKNOWN, Stated(mean="0..1"), "net"), None), "net")
    with pytest.raises(BadModel, match=r"net cannot take 0x8x6|which size"):
        settled(replace(IMAGENET, channels=0), "net")
    with pytest.raises(BadModel, match=r"net cannot take 2x8x6"):
        settled(replace(IMAGENET, channels=2), "net")


def test_sizes_that_nobody_says_are_the_data_sets() -> None:
    assert filled(UNKNOWN, (1, 8, 9)).shape == (1, 8, 9) and filled(UNKNOWN, None).channels == 3
    assert filled(IMAGENET, (1, 2, 2)).shape == IMAGENET.shape


def test_a_record_states_what_it_has() -> None:
    class Holder:
        mean, size = [0.1, 0.2], 32

    assert stated_of(Holder()) == Stated(32, (0.1, 0.2))
    assert not stated_of(object())


def test_the_contract_in_a_line() -> None:
    line = described(replace(IMAGENET, order="bgr", resize=12))
    assert line.startswith("6x8 BGR, mean 0.485,0.456,0.406, std 0.229")
    assert "shorter side of 12" in line and "imagenet" not in line, "its colours are the other way round"
    assert "(imagenet)" in described(IMAGENET) and "letterboxed" in described(replace(IMAGENET, fit="letterbox"))
    assert "cropped at the centre" in described(replace(IMAGENET, fit="crop"))


def test_all_but_the_sizes_are_given_by_name() -> None:
    with pytest.raises(BadOption, match=r"Got 5 values by position. Write InputSpec\(1, 20, 30, mean=…, std=…\)"):
        InputSpec(1, 20, 30, (0.5,), (0.25,))  # type: ignore[misc]
    spec = InputSpec(1, 20, 30, mean=(0.5,), std=(0.25,))
    assert pickle.loads(pickle.dumps(spec)) == copy.deepcopy(spec) == dataclasses.replace(spec) == spec


def test_a_repr_of_before_stays_as_it_was() -> None:
    """Kept weights and data sets scaled for them are named by it."""
    was = "InputSpec(channels=1, height=2, width=3, mean=(0.5,), std=(0.5,), resize=None, interpolation='bilinear', "
    assert repr(InputSpec(1, 2, 3, mean=(0.5,), std=(0.5,))) == was + "antialias=True)"
    assert repr(InputSpec(3, 2, 3, order="bgr", fit="crop")).endswith("antialias=True, order='bgr', fit='crop')")


@pytest.mark.parametrize("record", [{"order": "rbg"}, {"fit": "pad"}])
def test_a_record_of_an_unknown_kind_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected rgb or bgr"):
        from_pixel_record((3, 2, 2), {"mean": [0.5], "std": [0.5], **record})
