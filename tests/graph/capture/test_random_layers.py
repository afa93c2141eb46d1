"""Layers with random options against PyTorch: the same answers, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from edgequant.core.arrays import only
from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture

SPEC = InputSpec(4, 9, 8)
Make = Callable[[Any], Any]  # draw -> a layer or a function of images (N, 4, 9, 8)
SMALL, PAIR = st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))


def pads(draw: Any, kernel: tuple[int, int]) -> tuple[int, int]:
    return draw(st.integers(0, kernel[0] // 2)), draw(st.integers(0, kernel[1] // 2))


def conv(draw: Any) -> nn.Module:
    kernel, groups = draw(PAIR), draw(st.sampled_from([1, 2, 4]))
    paddings = ["valid", (0, 0), (1, 0), (2, 1), *(["same"] if kernel[0] % 2 and kernel[1] % 2 else [])]
    padding = draw(st.sampled_from(paddings))
    stride = 1 if padding == "same" else draw(PAIR)
    mode = draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"]))
    options = {"dilation": draw(PAIR), "groups": groups, "bias": draw(st.booleans()), "padding_mode": mode}
    return nn.Conv2d(4, groups * draw(SMALL), kernel, stride, padding, **options)


def transposed(draw: Any) -> nn.Module:
    stride, groups = draw(st.sampled_from([1, 2, 3, (1, 2)])), draw(st.sampled_from([1, 2, 4]))
    more = draw(st.integers(0, max(stride if isinstance(stride, int) else 1, 1) - 1))
    dilation = draw(st.sampled_from([1, 1, 1, 2]))
    return nn.ConvTranspose2d(
        4,
        groups * draw(SMALL),
        draw(PAIR),
        stride,
        draw(st.integers(0, 1)),
        more,
        groups,
        draw(st.booleans()),
        dilation,
    )


def max_pool(draw: Any) -> Any:
    kernel = draw(PAIR)
    options = {
        "padding": pads(draw, kernel),
        "dilation": draw(st.sampled_from([1, 1, 2])),
        "ceil_mode": draw(st.booleans()),
    }
    return nn.MaxPool2d(kernel, draw(PAIR), **options)


def average_pool(draw: Any) -> Any:
    kernel = draw(PAIR)
    divisor = draw(st.sampled_from([None, None, 3]))
    return nn.AvgPool2d(kernel, draw(PAIR), pads(draw, kernel), draw(st.booleans()), draw(st.booleans()), divisor)


def adaptive(draw: Any) -> Any:
    size = draw(st.sampled_from([1, 3, (9, 4), (None, 2), (3, None), (1, 8), 5, (18, 16)]))
    return draw(st.sampled_from([nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d]))(size)


def norm(draw: Any) -> Any:
    kind = draw(st.sampled_from(["batch", "batch", "instance", "group", "layer"]))
    if kind == "instance":
        return nn.InstanceNorm2d(4, affine=draw(st.booleans()))
    if kind == "group":
        return nn.GroupNorm(2, 4)
    if kind == "layer":
        return nn.LayerNorm(draw(st.sampled_from([(8,), (4, 9, 8)])))
    made = nn.BatchNorm2d(4, draw(st.sampled_from([1e-5, 1e-3, 0.5])), affine=draw(st.booleans()))
    nn.init.normal_(made.running_mean)  # type: ignore[arg-type]
    nn.init.uniform_(made.running_var, 0.1, 3)  # type: ignore[arg-type]
    return nn.Sequential(made, nn.Conv2d(4, 4, 1), made) if draw(st.booleans()) else made


def resize(draw: Any) -> Any:
    mode = draw(st.sampled_from(["nearest", "bilinear", "bicubic", "nearest-exact", "area"]))
    corners = draw(st.booleans()) if mode in ("bilinear", "bicubic") else None
    sizes: list[dict[str, Any]] = [{"size": (18, 16)}, {"size": (5, 11)}]
    scales: list[dict[str, Any]] = [{"scale_factor": factor} for factor in (2, (3, 2), 1.5)]
    how = draw(st.sampled_from(sizes + scales))
    smooth = {"antialias": True} if mode in ("bilinear", "bicubic") and draw(st.booleans()) else {}
    return lambda x: F.interpolate(x, mode=mode, align_corners=corners, **how, **smooth)


def activation(draw: Any) -> Any:
    clamp = nn.Hardtanh(draw(st.floats(-2, 0, width=32)), draw(st.floats(0.25, 7, width=32)))
    kinds = [
        *(nn.ELU(), nn.ELU(0.5), nn.CELU(), nn.SELU(), nn.GELU("tanh"), nn.GELU(), nn.Mish(), nn.Softplus()),
        *(nn.LeakyReLU(draw(st.floats(0, 0.9))), nn.PReLU(), nn.PReLU(4), nn.RReLU(), nn.Threshold(0.1, 0.0), clamp),
        *(nn.Softmax(draw(st.sampled_from([1, 2, -1]))), nn.LogSoftmax(1), nn.Hardsigmoid(), nn.Hardswish()),
        *(nn.SiLU(), nn.ReLU6(), nn.Tanh(), nn.Sigmoid(), nn.AlphaDropout(), nn.Dropout2d()),
    ]
    return draw(st.sampled_from(kinds))


MAKERS: tuple[Make, ...] = (conv, transposed, max_pool, average_pool, adaptive, norm, resize, activation)
KINDS = {make.__name__: make for make in MAKERS}


class Around(nn.Module):
    """The layer between a convolution and a head; channels last in between where `turned`."""

    def __init__(self, layer: Any, first: bool) -> None:
        super().__init__()
        self.layer, self.first = layer, nn.Conv2d(4, 4, 3, padding=1) if first else nn.Identity()
        with torch.no_grad():
            made = layer(torch.zeros(1, *SPEC.shape))
        self.head = nn.Linear(made.numel(), 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(self.first(x)).flatten(1))  # type: ignore[no-any-return]


def judged(data: st.DataObject, kind: str) -> None:
    torch.manual_seed(data.draw(st.integers(0, 3)))
    layer = KINDS[kind](data.draw)
    try:
        network = Around(layer.eval() if isinstance(layer, nn.Module) else layer, data.draw(st.booleans())).eval()
    except (RuntimeError, ValueError):  # PyTorch itself knows no such layer
        return
    try:
        captured = capture(network, SPEC, ())
    except BadModel as error:
        assert "op table" in str(error) and "\n" not in str(error), (str(layer), str(error))
        return
    images = torch.randn(3, *SPEC.shape, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted, got = network(images), only(captured.network(images))
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()) + 1e-6)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_a_layer_of_random_options_is_captured_as_it_is_or_refused(kind: str, data: st.DataObject) -> None:
    judged(data, kind)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_many_layers_of_random_options(kind: str, data: st.DataObject) -> None:
    judged(data, kind)
