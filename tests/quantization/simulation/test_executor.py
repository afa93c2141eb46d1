"""The executor against plain Python integers, on graphs small enough for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import scalar
from edgequant.core.arrays import only
from edgequant.core.errors import Unsupported
from edgequant.core.grid import QParams, WeightQ
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.graph.ops.table import OPS
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.accumulate import accumulate
from edgequant.quantization.simulation.executor import IntegerExecutor
from edgequant.quantization.simulation.kernels.builtin import BUILTIN, BUILTIN_ARM, BUILTIN_OPS
from edgequant.quantization.simulation.kernels.onnxruntime import ONNXRUNTIME, ONNXRUNTIME_OPS
from edgequant.quantization.simulation.kernels.pick import arithmetic_for
from edgequant.quantization.simulation.kernels.xnnpack import XNNPACK, XNNPACK_OPS

SPEC = InputSpec(2, 5, 4)
f32 = np.float32


class Tiny(nn.Module):
    """A convolution, an addition, a mean and a linear layer."""

    def __init__(self, groups: int = 1) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.conv = nn.Conv2d(2, 4, 3, 2, 1, groups=groups)
        self.other = nn.Conv2d(2, 4, 1, 2)
        self.fc = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc((self.conv(x) + torch.relu(self.other(x))).mean((2, 3)))  # type: ignore[no-any-return]


def reference(groups: int, bits: int) -> Reference:
    """Integers and grids drawn at random: what is tested is arithmetic, not calibration."""
    captured = capture(Tiny(groups).eval(), SPEC, ())
    generator = np.random.default_rng(groups + bits)
    half = 2 ** (bits - 1)
    activations = {
        t: QParams(
            float(f32(generator.uniform(2, 6) / half)), 0 if bits > 8 else int(generator.integers(-40, 40)), bits
        )
        for t in captured.program.tensors
    }
    weights = {}
    for step in captured.program.layers:
        shape = captured.network.layer(step.layer).weight.shape
        q = torch.from_numpy(generator.integers(-127, 128, shape)).to(torch.int8)
        weights[step.layer] = WeightQ(q, torch.from_numpy(generator.uniform(0.002, 0.02, shape[0]).astype(f32)))
    return Reference(captured, "by hand", "static", activations, weights)


def integers(made: Reference, arithmetic: Any, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every tensor, centred, by the kind of the step that made it (this network has two convolutions: by name then)."""
    kept: dict[str, torch.Tensor] = {}
    zero = made.activations
    executor = IntegerExecutor(made, arithmetic)
    executor(x, visit=lambda name, q: kept.update({name: q - zero[name].zero_point}))
    return kept


def expected_product(made: Reference, arithmetic: str, name: str, source: Any) -> Any:
    """What a layer gives for its centred input, in nested lists."""
    step = next(s for s in made.captured.program.steps if s.name == name)
    layer, weight = made.captured.network.layer(step.layer), made.weights[step.layer]
    s_in, s_out = (made.activations[t] for t in (step.inputs[0], name))
    scales = weight.scale.numpy()
    bias = [round(float(b) / (float(s) * float(f32(s_in.scale)))) for b, s in zip(layer.bias.detach(), scales)]
    if isinstance(layer, nn.Linear):
        sums: Any = [[[total]] for total in scalar.linear(source, weight.q.tolist(), bias)]
    else:
        sums = scalar.conv(source, weight.q.tolist(), bias, layer.stride[0], int(layer.padding[0]), layer.groups)
    builtin = arithmetic.startswith("builtin")
    low = (-32768 if s_out.bits == 16 and builtin else s_out.low) - s_out.zero_point
    low, high = max(low, 0) if step.activation else low, s_out.high - s_out.zero_point

    def rescaled(total: int, channel: int) -> int:
        real = float(scales[channel]) * float(f32(s_in.scale)) / float(f32(s_out.scale))
        if not builtin:
            return scalar.in_float32(total, f32(f32(s_in.scale) * scales[channel]) / f32(s_out.scale))
        if s_in.bits > 8:
            return scalar.once_rounded(total, real) if isinstance(layer, nn.Linear) else scalar.reduced(total, real)
        grouped = isinstance(layer, nn.Conv2d) and layer.groups > 1
        if arithmetic == BUILTIN_ARM.name and not grouped:
            return scalar.once_rounded(total, real)
        return scalar.twice_rounded(total, real, "away" if grouped else "up")

    return [[[scalar.clamp(rescaled(v, c), low, high) for v in row] for row in plane] for c, plane in enumerate(sums)]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    ("arithmetic", "bits"), [(XNNPACK, 8), (ONNXRUNTIME, 8), (BUILTIN, 8), (BUILTIN, 16), (BUILTIN_ARM, 8)]
)
def test_products_are_those_of_plain_integers(arithmetic: Any, bits: int, groups: int) -> None:
    made = reference(groups, bits)
    x = torch.rand(3, *SPEC.shape, generator=torch.Generator().manual_seed(1)) * 6 - 3
    found = integers(made, arithmetic, x)
    program = made.captured.program
    p = made.activations[program.input]
    steps = torch.clamp(torch.round(x / f32(p.scale)) + p.zero_point, p.low, p.high) - p.zero_point
    for image in range(3):
        for step in program.layers:
            source = steps if step.inputs[0] == program.input else found[step.inputs[0]]
            wanted = expected_product(made, arithmetic.name, step.name, source[image].int().tolist())
            np.testing.assert_array_equal(
                found[step.name][image].view(len(wanted), -1), np.array(wanted).reshape(len(wanted), -1)
            )


@pytest.mark.parametrize("bits", [8, 16])
def test_sums_and_means_of_the_builtin_kernels(bits: int) -> None:
    made = reference(1, bits)
    found = integers(made, BUILTIN, torch.randn(4, *SPEC.shape, generator=torch.Generator().manual_seed(2)))
    program = made.captured.program
    for step in (s for s in program.steps if s.kind in ("add", "mean")):
        out, sources = made.activations[step.name], [made.activations[t] for t in step.inputs]
        low, high = (-32768 if bits == 16 else out.low) - out.zero_point, out.high - out.zero_point
        operands = [found[t].int() for t in step.inputs]
        if step.kind == "add":
            wanted = [
                add(a, b, [float(f32(p.scale)) for p in sources], float(f32(out.scale)), bits)
                for a, b in pairs(operands)
            ]
        else:
            sums = operands[0].sum((2, 3)).flatten().tolist()
            n = operands[0].shape[2] * operands[0].shape[3]
            wanted = [mean(total, n, float(f32(sources[0].scale)) / float(f32(out.scale))) for total in sums]
        wanted = [scalar.clamp(v, low, high) for v in wanted]
        assert found[step.name].flatten().int().tolist() == wanted


def pairs(operands: list[torch.Tensor]) -> list[tuple[int, int]]:
    return list(zip(*(o.flatten().tolist() for o in operands)))


def add(a: int, b: int, scales: list[float], out: float, bits: int) -> int:
    """Jacob et al., appendix A.2, with the shift of the TensorFlow Lite kernel."""
    left, twice = (15 if bits == 16 else 20), 2 * max(scales)

    def scaled(v: int, s: float) -> int:
        return (
            scalar.once_rounded(v << left, s / twice)
            if bits == 16
            else scalar.twice_rounded(v << left, s / twice, "away")
        )

    parts = [scaled(v, s) for v, s in zip((a, b), scales)]
    return scalar.twice_rounded(sum(parts), twice / (2**left * out), "away")


def mean(total: int, n: int, ratio: float) -> int:
    q, shift = scalar.fixed(ratio)
    bits = n.bit_length() - 1
    return scalar.twice_rounded_by(total, (q << bits) // n, shift - bits, "away")


def test_every_arithmetic_computes_every_operation() -> None:
    for ops in (XNNPACK_OPS, BUILTIN_OPS, ONNXRUNTIME_OPS):
        assert ops.keys() == {kind for kind, row in OPS.items() if row.rule != "weights"}


def test_each_step_has_the_arithmetic_that_was_picked_for_it() -> None:
    made = reference(1, 8)
    pick = arithmetic_for({"conv2d", "linear"})
    executor = IntegerExecutor(made, pick)
    assert {n: a.name for n, a in executor.arithmetics.items()} == {
        s.name: "xnnpack" if s.name in ("conv2d", "linear") else "builtin" for s in made.captured.program.steps
    }


def test_long_sums_are_exact() -> None:
    """100,000 products of the largest integers pass float32's 2^24 by far."""
    spec = InputSpec(1, 250, 400)
    captured = capture(nn.Sequential(nn.Flatten(), nn.Linear(100_000, 2, bias=False)), spec, ())
    step = captured.program.layers[0]
    grid = {t: QParams(1.0, 0, 8) for t in captured.program.tensors}
    grid[step.name] = QParams(2.0**24, 0, 8)
    weight = WeightQ(torch.full((2, 100_000), 127, dtype=torch.int8), torch.ones(2))
    made = Reference(captured, "by hand", "static", grid, {step.layer: weight})
    x = torch.full((1, 1, 250, 400), 127.0)
    x[0, 0, 0, 0] = 0
    executor = IntegerExecutor(made, BUILTIN)
    product = executor.products[step.name]
    assert accumulate(product, x.flatten(1)).tolist() == [[127 * 127 * 99_999] * 2]
    assert only(executor(x)).tolist() == [[96.0, 96.0]]


def test_a_bias_that_does_not_fit_is_refused() -> None:
    made = reference(1, 8)
    made.captured.network.layer("fc").bias.data.fill_(1e30)  # type: ignore[union-attr]
    with pytest.raises(Unsupported, match="bias needs"):
        IntegerExecutor(made, BUILTIN)


def test_layers_in_float_leave_floats() -> None:
    made = reference(1, 8)
    floats = Reference(made.captured, "float", "static", {}, {})
    x = torch.randn(2, *SPEC.shape)
    with torch.no_grad():
        torch.testing.assert_close(only(IntegerExecutor(floats, XNNPACK)(x)), only(made.captured.network(x)))
