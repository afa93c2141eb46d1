"""The op table's float operations against their definitions, written out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

from edgequant.graph.ops import OPS

X = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0)) * 4
Y = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(1))
VECTOR = X[:, :, 0, 0]
WINDOW = {"kernel": [2, 3], "stride": [2, 1], "padding": [1, 1]}


def run(kind: str, *inputs: torch.Tensor, module: nn.Module | None = None, **attrs: Any) -> torch.Tensor:
    with torch.no_grad():
        return OPS[kind].run(attrs, module, *inputs)


def windows(x: torch.Tensor, attrs: Mapping[str, Any]) -> list[list[list[torch.Tensor]]]:
    """[y][x] -> the pixels, (N, C, n), that a window covers."""
    (kh, kw), (sh, sw), (ph, pw) = (attrs[k] for k in ("kernel", "stride", "padding"))
    h, w = x.shape[2:]
    rows = range(-ph, h + ph - kh + 1, sh)
    columns = range(-pw, w + pw - kw + 1, sw)
    return [[x[:, :, max(t, 0) : t + kh, max(s, 0) : s + kw].flatten(2) for s in columns] for t in rows]


def same(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_pools_take_the_pixels_under_the_window_and_no_padding() -> None:
    largest = torch.stack([torch.stack([v.amax(2) for v in row], 2) for row in windows(X, WINDOW)], 2)
    average = torch.stack([torch.stack([v.mean(2) for v in row], 2) for row in windows(X, WINDOW)], 2)
    same(run("max_pool2d", X, **WINDOW), largest)
    same(run("avg_pool2d", X, **WINDOW), average)


@pytest.mark.parametrize("keep", [True, False])
def test_mean_is_over_height_and_width(keep: bool) -> None:
    wanted = X.flatten(2).sum(2) / 20
    same(run("mean", X, keepdim=keep), wanted.view(2, 3, 1, 1) if keep else wanted)


def test_elementwise_operations() -> None:
    same(run("add", X, Y), torch.tensor([a + b for a, b in zip(X.flatten().tolist(), Y.flatten().tolist())]).view_as(X))
    same(run("mul", X, Y), torch.tensor([a * b for a, b in zip(X.flatten().tolist(), Y.flatten().tolist())]).view_as(X))
    same(run("relu", X), torch.tensor([max(a, 0.0) for a in X.flatten().tolist()]).view_as(X))
    same(run("relu6", X), torch.tensor([min(max(a, 0.0), 6.0) for a in X.flatten().tolist()]).view_as(X))
    same(run("sigmoid", X), torch.tensor([1 / (1 + math.exp(-a)) for a in X.flatten().tolist()]).view_as(X))


def test_mul_broadcasts_a_gate_over_the_image() -> None:
    gate = Y[:, :, :1, :1]
    same(run("mul", X, gate), torch.stack([X[:, :, i] * gate[:, :, 0] for i in range(5)], 2))


def test_softmax_is_over_the_classes() -> None:
    exps = [[math.exp(v) for v in row] for row in VECTOR.tolist()]
    same(run("softmax", VECTOR), torch.tensor([[v / sum(row) for v in row] for row in exps]))


def test_moves() -> None:
    assert torch.equal(run("cat", X, Y, X), torch.stack([*X.unbind(1), *Y.unbind(1), *X.unbind(1)], 1))
    assert run("reshape", X, shape=(60,)).tolist() == [image.flatten().tolist() for image in X]
    wide = run("pad", X, padding=(1, 2, 0, 3))
    assert wide.shape == (2, 3, 8, 7)
    assert torch.equal(wide[:, :, :5, 1:5], X) and wide.abs().sum().item() == pytest.approx(X.abs().sum().item())


def test_layers_run_their_module() -> None:
    torch.manual_seed(0)
    conv, linear = nn.Conv2d(3, 2, 1), nn.Linear(3, 2)
    pixels = X.permute(0, 2, 3, 1) @ conv.weight[:, :, 0, 0].T + conv.bias
    same(run("conv2d", X, module=conv), pixels.permute(0, 3, 1, 2).detach())
    same(run("linear", VECTOR, module=linear), (VECTOR @ linear.weight.T + linear.bias).detach())


def test_only_fixed_outputs_state_a_range_and_it_holds_what_they_compute() -> None:
    assert {kind for kind, row in OPS.items() if row.fixed} == {
        kind for kind, row in OPS.items() if row.rule == "fixed"
    }
    for kind, row in OPS.items():
        if row.fixed:
            value = run(kind, VECTOR)
            assert value.min() >= row.fixed[0] and value.max() <= row.fixed[1] + 1 / 256
