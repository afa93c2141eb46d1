"""The op table's float operations against their definitions, written out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from edgequant.backends.tflite.read_options import TABLE as OPTIONS
from edgequant.graph.ops.op import COMPUTED, PLAIN, ROOMS, Kernels, Lacks, Onnx, named
from edgequant.graph.ops.table import FAMILIES, OPS, cells
from edgequant.models.sources.onnx.table import TABLE

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


def each(function: Callable[[float], float]) -> torch.Tensor:
    return torch.tensor([function(a) for a in X.flatten().tolist()]).view_as(X)


def test_activations_by_their_definitions() -> None:
    same(run("tanh", X), each(math.tanh))
    same(run("elu", X), each(lambda a: a if a > 0 else math.expm1(a)))
    same(run("leaky_relu", X, slope=0.3), each(lambda a: a if a > 0 else 0.3 * a))
    same(run("hard_swish", X), each(lambda a: a * min(max(a + 3, 0), 6) / 6))
    same(run("clamp", X, low=-0.5, high=2.0), each(lambda a: min(max(a, -0.5), 2.0)))
    same(run("gelu", X, approximate="none"), each(lambda a: a / 2 * (1 + math.erf(a / math.sqrt(2)))))
    inner = math.sqrt(2 / math.pi)
    same(
        run("gelu", X, approximate="tanh"),
        each(lambda a: a / 2 * (1 + math.tanh(inner * (a + 0.044715 * a**3)))),
    )
    same(run("rsqrt", X.abs() + 1), each(lambda a: 1 / math.sqrt(abs(a) + 1)))


def test_sub_and_channel_mean() -> None:
    same(run("sub", X, Y[:, :, :1, :1]), X + Y[:, :, :1, :1] * -1)
    same(run("channel_mean", X), ((X[:, 0] + X[:, 1] + X[:, 2]) / 3)[:, None])


def test_slices_take_every_step_between_begin_and_end() -> None:
    found = run("slice", X, begin=(1, 0, 1), end=(3, 5, 4), step=(1, 2, 3))
    assert torch.equal(found, torch.stack([X[:, c][:, [0, 2, 4]][:, :, [1]] for c in (1, 2)], 1))


def test_shuffles_and_depth_to_space() -> None:
    x = torch.arange(12.0).view(1, 12, 1, 1)
    assert run("shuffle", x, groups=3).flatten().tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    pixels = run("depth_to_space", x, block=2)  # channel (i * 2 + j) * 3 + c goes to (c, i, j)
    assert pixels.tolist() == [[[[c, 3 + c], [6 + c, 9 + c]] for c in range(3)]]


def test_paddings_of_all_kinds() -> None:
    row = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    assert run("pad", row, padding=(1, 2, 0, 0), value=9.0).flatten().tolist() == [9, 1, 2, 3, 9, 9]
    assert run("pad", row, padding=(1, 2, 0, 0), mode="reflect").flatten().tolist() == [2, 1, 2, 3, 2, 1]
    assert run("pad", row, padding=(1, 2, 0, 0), mode="replicate").flatten().tolist() == [1, 1, 2, 3, 3, 3]


def test_upsampling() -> None:
    row = torch.tensor([[[[0.0, 4.0]]]])
    sizes = {"before": (1, 2), "size": (1, 4)}
    assert run("upsample", row, mode="nearest", **sizes).flatten().tolist() == [0, 0, 4, 4]
    assert run("upsample", row, mode="bilinear", corners=False, **sizes).flatten().tolist() == [0, 1, 3, 4]
    same(run("upsample", row, mode="bilinear", corners=True, **sizes).flatten(), torch.tensor([0, 4 / 3, 8 / 3, 4]))


def missing(kind: str) -> list[str]:
    """Files, with what each of them lacks to fill the row."""
    row, found = OPS[kind], []
    for column, cell in cells(kind).items():
        room = column if column in ROOMS else "kernels"
        for what, name in cell.items():
            if isinstance(name, Lacks):
                found += [] if name.why else [f"{column} of {what} says no reason"]
            elif column in ("edgetpu", "executorch", "onnx read"):
                continue
            elif name == PLAIN:  # of a kernel there is no plain one
                plain = {"tflite write": row.tflite.operators, "onnx write": row.onnx.nodes}.get(column, ("",))
                found += [f"{ROOMS[room]}: no {column}"] if room == "kernels" or not plain else []
            else:
                file, _, function = (f"{column}:{COMPUTED}" if name == COMPUTED else name).partition(":")
                try:
                    named(room, f"{file}:{function}" if function else file, kind)
                except (ImportError, AttributeError):
                    found.append(f"{ROOMS[room]}.{file} has no {function or kind}")
    read = [o.name for o in row.tflite.operators if not isinstance(o.read, Lacks)]
    return found + [f"edgequant.backends.tflite.read_options has no {name}" for name in read if name not in OPTIONS]


@pytest.mark.parametrize("kind", sorted(OPS))
def test_every_cell(kind: str) -> None:
    """Code that is there, plain data, or a reason; a miss fails with the file that would fill it."""
    assert not missing(kind)
    assert OPS[kind].tflite.operators and (OPS[kind].onnx.read or set(OPS[kind].onnx.nodes) <= set(TABLE))


def test_an_empty_cell_names_the_file_that_would_fill_it(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(OPS["tanh"], onnx=Onnx(()), kernels=Kernels("builtin_unary:none", "", executorch="wide"))
    monkeypatch.setitem(OPS, "tanh", row)
    assert missing("tanh") == [
        "edgequant.backends.onnx: no onnx write",
        "edgequant.quantization.simulation.kernels.builtin_unary has no none",
        "edgequant.quantization.simulation.kernels: no xnnpack",
    ]


def test_what_keeps_its_grid_is_what_every_kernel_only_moves() -> None:
    """So that the search engine and the executor round the same results, and QAT at least those."""
    moved = {
        k
        for k, row in OPS.items()
        if {str(c).split(":")[0] for f in FAMILIES[:4] for c in cells(k)[f].values()} == {"moves"}
    }
    assert {kind for kind, row in OPS.items() if row.moves} == moved
    assert {kind for kind, row in OPS.items() if row.keeps_grid} == moved - {"cat"}
