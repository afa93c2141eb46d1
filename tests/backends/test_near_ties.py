"""Sums that lie within millionths of a rounding edge: there only the kernel's own order of float32 operations is right.

Random images seldom meet one. A trained network with squeeze-and-excitation met enough of them to lose a tenth of its
output integers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.onnxruntime.backend import OnnxRuntime
from edgequant.core.arrays import only
from edgequant.core.grid import QParams
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.executor import IntegerExecutor

Operation = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
SIDE, COUNT, CHANNELS = 14, 64, 48
GRID = 16  # a side: an image of every integer of the input


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


class ChannelMean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(1, keepdim=True).flatten(1)


class Pair(nn.Module):
    """`x op max(x, 0)`, or `x op x`."""

    def __init__(self, op: Operation, itself: bool = False) -> None:
        super().__init__()
        self.op, self.itself = op, itself

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.op(x, x if self.itself else torch.relu(x)).flatten(1)


class Sigmoid(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(x).flatten(1)


class Gated(nn.Module):
    """The image itself, of which a concatenation makes its own grid."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, torch.relu(x)], 1).flatten(1)


def grids(seed: int, count: int = 40) -> Iterator[tuple[QParams, QParams]]:
    """The input's and the output's, with zero points far from 0."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        scale = float(np.float32(np.exp(rng.uniform(-4, 0))))
        finer = float(np.float32(scale / np.exp(rng.uniform(-0.5, 1.5))))
        yield QParams(scale, int(rng.integers(-128, -90))), QParams(finer, int(rng.integers(-128, -90)))


def near_ties(n: int, source: QParams, out: QParams) -> np.ndarray:
    """(COUNT,) centred sums of n integers whose mean lies nearest to half a step of the output."""
    sums = np.arange(0, n * (127 - source.zero_point) + 1)
    steps = sums * source.scale / out.scale / n
    sums, steps = sums[steps < 127 - out.zero_point], steps[steps < 127 - out.zero_point]
    return sums[np.argsort(np.abs(steps - np.floor(steps) - 0.5), kind="stable")[:COUNT]]


def spread(sums: np.ndarray, n: int, source: QParams) -> np.ndarray:
    """(COUNT, n) float32: real values on the input's grid that add up to `sums` steps each."""
    whole = sums[:, None] // n + (np.arange(n) < (sums % n)[:, None])
    return (whole * source.scale).astype(np.float32)


# Not the mean of channels in ONNX Runtime: it is computed in float32, its sum in an order that is not ours.
CASES = {
    "xnnpack, mean": (LiteRT(), Mean()),
    "xnnpack, channel mean": (LiteRT(), ChannelMean()),
    "builtin, mean": (LiteRT(delegate=False), Mean()),
    "builtin, channel mean": (LiteRT(delegate=False), ChannelMean()),
    "onnxruntime, mean": (OnnxRuntime(), Mean()),
}


@pytest.mark.parametrize("name", CASES)
def test_means_on_a_rounding_edge(name: str, tmp_path: Path) -> None:
    backend, network = CASES[name]
    over_image = isinstance(network, Mean)
    n, shape = (SIDE * SIDE, (COUNT, SIDE, SIDE)) if over_image else (CHANNELS, (CHANNELS, 8, 8))
    for k, (source, out) in enumerate(grids(3)):
        captured = capture(network, InputSpec(*shape), tuple(map(str, range(COUNT))))
        made = {captured.program.input: source} | {step.name: out for step in captured.program.steps}
        reference = Reference(captured, "w8a8", "static", made)
        values = spread(near_ties(n, source, out), n, source)
        x = (values if over_image else values.T).reshape(1, *shape)
        path = backend.lower(reference, tmp_path / f"{k}{backend.capability.suffix}").path
        executor = IntegerExecutor(reference, backend.arithmetic(reference, path))
        np.testing.assert_array_equal(
            only(backend.open(path).run_quantized(x)), only(executor(torch.from_numpy(x))).numpy()
        )


PAIRS = {
    "product": (LiteRT(), Pair(operator.mul)),
    "square": (LiteRT(), Pair(operator.mul, itself=True)),  # XNNPACK has another kernel for it
    "sum": (LiteRT(), Pair(operator.add)),
    "difference": (LiteRT(), Pair(operator.sub)),
    "onnxruntime, product": (OnnxRuntime(), Pair(operator.mul)),
    "onnxruntime, square": (OnnxRuntime(), Pair(operator.mul, itself=True)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_on_a_rounding_edge(name: str, tmp_path: Path) -> None:
    """The output's scale puts one of the 256 answers on an edge, up to the last bits of a float32."""
    backend, network = PAIRS[name]
    captured = capture(network, InputSpec(1, GRID, GRID), tuple(map(str, range(GRID * GRID))))
    rng = np.random.default_rng(11)
    for _ in range(24):
        source = QParams(float(np.float32(np.exp(rng.uniform(-4, 0)))), int(rng.integers(-128, -60)))
        rectified = QParams(float(np.float32(source.scale * np.exp(rng.uniform(-0.5, 0.5)))), -128)
        grid = np.arange(-128, 128) - source.zero_point
        x = (grid * np.float64(source.scale)).astype(np.float32).reshape(1, 1, GRID, GRID)
        one = int(rng.integers(60, 120))
        other = min(round(one * source.scale / rectified.scale), 255) * rectified.scale
        real = network.op(one * source.scale, one * source.scale if network.itself else other)
        scale = float(
            np.nextafter(np.float32(abs(real) / (rng.integers(20, 90) + 0.5)), np.float32(rng.choice([0, 9])))
        )
        out = QParams(scale, int(rng.integers(-100, 20)))
        made = {step.name: rectified if step.kind == "relu" else out for step in captured.program.steps}
        reference = Reference(captured, "w8a8", "static", {captured.program.input: source} | made)
        path = backend.lower(reference, tmp_path / f"pair{backend.capability.suffix}").path
        executor = IntegerExecutor(reference, backend.arithmetic(reference, path))
        np.testing.assert_array_equal(
            only(backend.open(path).run_quantized(x)), only(executor(torch.from_numpy(x))).numpy()
        )


def test_a_sigmoid_on_a_rounding_edge(tmp_path: Path) -> None:
    """XNNPACK adds the zero point, -128, before it rounds: that takes the last bits."""
    captured = capture(Sigmoid(), InputSpec(1, GRID, GRID), tuple(map(str, range(GRID * GRID))))
    rng, backend, out = np.random.default_rng(11), LiteRT(), QParams(1 / 256, -128)
    for _ in range(40):
        zero_point, one = int(rng.integers(-128, -60)), int(rng.integers(10, 120))
        edge = (rng.integers(150, 250) + 0.5) / 256
        source = QParams(float(np.float32(np.log(edge / (1 - edge)) / one)), zero_point)
        x = ((np.arange(-128, 128) - zero_point) * np.float64(source.scale)).astype(np.float32)
        made = {captured.program.input: source} | {step.name: out for step in captured.program.steps}
        reference = Reference(captured, "w8a8", "static", made)
        path = backend.lower(reference, tmp_path / "sigmoid.tflite").path
        executor = IntegerExecutor(reference, backend.arithmetic(reference, path))
        x = x.reshape(1, 1, GRID, GRID)
        np.testing.assert_array_equal(
            only(backend.open(path).run_quantized(x)), only(executor(torch.from_numpy(x))).numpy()
        )


@pytest.mark.parametrize(
    "backend", [LiteRT(), LiteRT(delegate=False), OnnxRuntime()], ids=["xnnpack", "builtin", "onnx"]
)
def test_a_requantization_on_a_rounding_edge(backend: LiteRT | OnnxRuntime, tmp_path: Path) -> None:
    """Every integer of the input, onto a grid whose scale puts one of them on an edge, on either side of it."""
    captured = capture(Gated(), InputSpec(256, 1, 1), tuple(map(str, range(512))))
    rng = np.random.default_rng(11)
    for _ in range(40):
        source = QParams(float(np.float32(np.exp(rng.uniform(-4, 0)))), int(rng.integers(-128, 127)))
        one = int(rng.integers(60, 120))
        nearly = np.float32(one * source.scale / (rng.integers(1, 150) + 0.5))
        out = QParams(float(np.nextafter(nearly, np.float32(rng.choice([0, nearly, 9])))), int(rng.integers(-128, 127)))
        x = ((np.arange(-128, 128) - source.zero_point) * np.float64(source.scale)).astype(np.float32)
        made = {captured.program.input: source} | {step.name: out for step in captured.program.steps}
        reference = Reference(captured, "w8a8", "static", made)
        path = backend.lower(reference, tmp_path / f"gate{backend.capability.suffix}").path
        executor = IntegerExecutor(reference, backend.arithmetic(reference, path))
        x = x.reshape(1, 256, 1, 1)
        np.testing.assert_array_equal(
            only(backend.open(path).run_quantized(x)), only(executor(torch.from_numpy(x))).numpy()
        )
