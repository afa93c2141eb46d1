"""Mean and std as part of the network: the same function of the pixels, whatever they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgequant.core.arrays import only
from edgequant.core.grid import choose_qparams
from edgequant.core.image import Deployment, InputSpec
from edgequant.core.preprocess import input_range, normalise
from edgequant.graph.capture.capture import capture
from edgequant.graph.deploy import NORMALISE, deployed, raw_pixels, raw_spec
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALF = {"mean": (0.5,), "std": (0.5,)}
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 10, 10, 3), np.uint8)


class Net(nn.Module):
    """`stem` reads the image first; a second reader is a residual from it."""

    def __init__(self, stem: nn.Module, residual: bool = False, explicit: int = 0) -> None:
        super().__init__()
        self.stem, self.residual, self.explicit = stem, residual, explicit
        self.head = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.stem(F.pad(x, (self.explicit,) * 4) if self.explicit else x)
        y = y + torch.cat([x, x], 1) if self.residual else y
        return self.head(torch.relu(y).mean((2, 3)))  # type: ignore[no-any-return]


NETS = {
    "unpadded": (lambda: Net(nn.Conv2d(3, 6, 3)), False),
    "valid": (lambda: Net(nn.Conv2d(3, 6, 3, padding="valid")), False),
    "grouped": (lambda: Net(nn.Conv2d(3, 6, 3, groups=3)), False),
    "padded": (lambda: Net(nn.Conv2d(3, 6, 3, padding=1)), True),
    "same": (lambda: Net(nn.Conv2d(3, 6, 3, padding="same")), True),
    "explicit": (lambda: Net(nn.Conv2d(3, 6, 3), explicit=1), True),
    "two readers": (lambda: Net(nn.Conv2d(3, 6, 1), residual=True), True),
}


@torch.no_grad()
def scores(captured: object, pixels: np.ndarray) -> np.ndarray:
    found = only(captured.network(torch.from_numpy(normalise(pixels, captured.inputs))))  # type: ignore[attr-defined]
    return found.numpy()  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("spec", [IMAGENET, HALF], ids=["imagenet", "half"])
def test_the_network_computes_the_same_from_raw_pixels(name: str, spec: dict[str, tuple[float, ...]]) -> None:
    """Padding included: the shift cannot go into a layer that pads, so it becomes a layer before it."""
    torch.manual_seed(0)
    make, own_layer = NETS[name]
    plain = capture(make().eval(), InputSpec(3, 10, 10, **spec), ())
    raw = raw_pixels(plain)
    assert raw_spec(raw.inputs) == raw.inputs and raw_spec(plain.inputs) != plain.inputs
    assert np.abs(scores(raw, PIXELS) - scores(plain, PIXELS)).max() < 2e-6
    assert (raw.program.layers[0].layer == NORMALISE) == own_layer
    assert len(raw.program.steps) == len(plain.program.steps) + own_layer


def test_one_mean_that_is_a_byte_needs_no_layer_even_where_the_stem_pads() -> None:
    torch.manual_seed(0)
    spec = InputSpec(3, 10, 10, mean=(127 / 255,), std=(0.2, 0.3, 0.4))
    plain = capture(NETS["padded"][0]().eval(), spec, ())
    raw = raw_pixels(plain)
    assert raw.inputs.mean == (127 / 255,) and len(raw.program.steps) == len(plain.program.steps)
    assert np.abs(scores(raw, PIXELS) - scores(plain, PIXELS)).max() < 2e-6


@pytest.mark.parametrize("mean", [0, 127, 128, 255])
def test_what_is_raw_already_stays_as_it_is(mean: int) -> None:
    plain = capture(NETS["padded"][0]().eval(), InputSpec(3, 10, 10, mean=(mean / 255,), std=(0.3,)), ())
    assert raw_pixels(plain) is plain


@given(mean=st.floats(-0.5, 1.5), std=st.floats(0.01, 2.0), channels=st.integers(1, 4))
@settings(max_examples=60)
def test_on_raw_pixels_the_8_bit_grid_is_the_bytes(mean: float, std: float, channels: int) -> None:
    spec = raw_spec(InputSpec(channels, 1, 256, mean=(mean,), std=(std,)))
    grid = choose_qparams(*input_range(spec), 8, False)
    pixels = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 1, 256, 1), channels, 3)
    integers = np.rint(normalise(pixels, spec) / np.float32(grid.scale)) + grid.zero_point
    assert np.array_equal(integers[0, 0, 0], np.arange(256) - 128)


def test_a_deployment_is_recorded_and_only_bytes_change_the_network() -> None:
    plain = capture(NETS["padded"][0]().eval(), InputSpec(3, 10, 10, **IMAGENET), ())
    for kind in ("", "float32"):
        kept = deployed(plain, Deployment(kind, layout="nchw"))
        assert kept.network is plain.network and kept.deployed == Deployment(kind, layout="nchw")
    assert deployed(plain, Deployment("int8")).inputs == deployed(plain, Deployment("uint8")).inputs != plain.inputs


def test_the_first_layer_of_a_recipe_is_still_the_networks_own() -> None:
    """The normalisation is spared with it: both keep 8 bits where the rest has 4."""
    from edgequant.catalog import BACKENDS

    raw = raw_pixels(capture(NETS["padded"][0]().eval(), InputSpec(3, 10, 10, **IMAGENET), ()))
    plan = resolve(raw.program, parse_recipe("w4a8"), "litert", BACKENDS.get("litert").capability)
    bits = {step.layer: plan.schemes[step.name].weight_bits for step in raw.program.layers}
    assert bits == {NORMALISE: 8, "stem": 8, "head": 8}


def test_the_layers_name_is_free() -> None:
    class Taken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.normalise, self.head = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(6, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu(self.normalise(x)).mean((2, 3)))  # type: ignore[no-any-return]

    plain = capture(Taken().eval(), InputSpec(3, 10, 10, **IMAGENET), ())
    raw = raw_pixels(plain)
    assert len({step.layer for step in raw.program.layers}) == 3
    assert np.abs(scores(raw, PIXELS) - scores(plain, PIXELS)).max() < 2e-6
