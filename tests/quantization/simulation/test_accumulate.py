"""Sums in pieces are those of plain integers, however they are cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgequant.core.grid import QParams
from edgequant.graph.program import Step
from edgequant.quantization.simulation.accumulate import EXACT, accumulate, furthest, pieces
from edgequant.quantization.simulation.arithmetic import Product


def product(layer: nn.Conv2d | nn.Linear, source: QParams, seed: int = 0, top: int = 127) -> Product:
    """Random integers in the layer's shape."""
    generator = np.random.default_rng(seed)
    q = torch.from_numpy(generator.integers(-top, top + 1, tuple(layer.weight.shape)))
    bias = torch.from_numpy(generator.integers(-(2**20), 2**20, len(layer.weight)))
    how = pieces(q, bias, source, layer)
    kind = "linear" if isinstance(layer, nn.Linear) else "conv2d"
    step = Step("y", kind, ("x",), ())
    scale = torch.ones(len(layer.weight))
    return Product(step, layer, q.to(how.kind), bias.to(how.kind if how.whole else torch.float64), source, scale,
                   pieces=how, largest=furthest(q, bias, source))  # fmt: skip


def inputs(source: QParams, shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Centred integers, the ends of the grid among them."""
    generator = np.random.default_rng(seed)
    x = generator.integers(source.low, source.high + 1, shape) - source.zero_point
    x.flat[0], x.flat[-1] = source.low - source.zero_point, source.high - source.zero_point
    return torch.from_numpy(x).float()


def expected(found: Product, x: torch.Tensor) -> torch.Tensor:
    """In int64, by unfolding."""
    weight, bias = found.weight.long(), found.bias.long()
    if isinstance(found.layer, nn.Linear):
        return x.long() @ weight.T + bias
    conv = found.layer
    columns = torch.nn.functional.unfold(x.double(), conv.kernel_size, conv.dilation, conv.padding, conv.stride)
    columns = columns.long().view(len(x), conv.groups, -1, columns.shape[-1])
    rows = weight.view(conv.groups, conv.out_channels // conv.groups, -1)
    return (torch.einsum("gok,ngkp->ngop", rows, columns).flatten(1, 2) + bias[:, None]).view(
        len(x), conv.out_channels, -1
    )


@settings(max_examples=40)
@given(
    channels=st.sampled_from([1, 3, 8, 40, 300]),
    kernel=st.integers(1, 3),
    depthwise=st.booleans(),
    source=st.sampled_from([QParams(1, -128, 8), QParams(1, 3, 8), QParams(1, 0, 16), QParams(1, 0, 11)]),
    seed=st.integers(0, 5),
)
def test_a_convolution(channels: int, kernel: int, depthwise: bool, source: QParams, seed: int) -> None:
    layer = nn.Conv2d(channels, channels if depthwise else 3, kernel, 1, kernel // 2, 1, channels if depthwise else 1)
    found, x = product(layer, source, seed), inputs(source, (2, channels, 4, 3), seed)
    total = accumulate(found, x.contiguous(memory_format=torch.channels_last))
    assert torch.equal(total.long().flatten(2), expected(found, x))
    assert float(total.abs().max()) <= found.largest


@pytest.mark.parametrize("source", [QParams(1, -128, 8), QParams(1, 0, 16)])
def test_a_linear_layer(source: QParams) -> None:
    found, x = product(nn.Linear(3000, 4), source), inputs(source, (3, 3000))
    assert torch.equal(accumulate(found, x).long(), expected(found, x))


def test_a_long_sum_is_cut_by_channels_and_a_wide_one_by_bytes() -> None:
    full = torch.full((2, 512, 3, 3), 127)
    layer, bias = nn.Conv2d(512, 2, 3), torch.zeros(2)
    long, wide = (pieces(full, bias, source, layer) for source in (QParams(1, -128, 8), QParams(1, 0, 16)))
    assert len(long.channels) == 16 and not long.by_bytes  # 512 * 9 * 127 * 255 is 9 times 2^24
    assert len(wide.channels) == 8 and wide.by_bytes
    assert pieces(full[:, :4], bias, QParams(1, 0, 8), nn.Conv2d(4, 2, 3)).whole


def test_what_cannot_be_cut_runs_in_float64() -> None:
    kernel = nn.Conv2d(1, 1, 40, bias=False)
    found = product(kernel, QParams(1, -128, 8), top=127)
    full = pieces(torch.full((1, 1, 40, 40), 127), torch.zeros(1), QParams(1, -128, 8), kernel)
    assert full.kind == torch.float64 and full.whole
    assert furthest(found.weight, found.bias, QParams(1, -128, 8)) == found.largest
    assert EXACT < 40 * 40 * 127 * 255
    x = torch.full((1, 1, 40, 40), 255.0)
    wide = Product(found.step, kernel, torch.full((1, 1, 40, 40), 127.0).double(), torch.zeros(1).double(),
                   QParams(1, -128, 8), torch.ones(1), pieces=full)  # fmt: skip
    assert accumulate(wide, x).item() == 40 * 40 * 127 * 255
