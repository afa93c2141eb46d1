"""Simulation = runtime: the executor's integers are LiteRT's, operation by operation, all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import litert_samples as samples
from edgequant.backends.litert.backend import LiteRT
from edgequant.core.arrays import only
from edgequant.core.image import InputSpec
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.executor import IntegerExecutor

# Those that another kernel runs once nothing is delegated, or that it runs in several ways.
OWN_KERNELS = (
    "stride 2, flatten", "mean", "mean, kept dimensions", "linear only", "depthwise", "grouped", "pad operator",
    "max pool", "add, relu6", "mul", "cat", "excite", "softmax",
)  # fmt: skip
DEFAULT, PLAIN = LiteRT(), LiteRT(delegate=False)


def both(made: Reference, folder: Path, backend: LiteRT, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The output integers of the file and of the executor."""
    path = samples.lowered(made, folder, backend)
    executor = IntegerExecutor(made, backend.arithmetic(made, path))
    return only(backend.open(path).run_quantized(x)), only(executor(torch.from_numpy(x))).numpy()


def near_float(made: Reference, integers: np.ndarray, x: np.ndarray) -> float:
    """How far the integers' scores are from the float network's, as a fraction of its range."""
    out = made.activations[made.captured.program.only.tensor]
    with torch.no_grad():
        truth = only(made.captured.network(torch.from_numpy(x))).numpy()
    return float(np.abs((integers - out.zero_point) * out.scale - truth).max() / np.ptp(truth))


@pytest.mark.parametrize("name", samples.NETS)
def test_w8a8_with_xnnpack(name: str, tmp_path: Path) -> None:
    made, x = samples.reference(name, "w8a8"), samples.images()
    file, executor = both(made, tmp_path, DEFAULT, x)
    np.testing.assert_array_equal(file, executor)
    assert near_float(made, executor[:8], x[:8]) < 0.03


@pytest.mark.parametrize("name", samples.NETS)
def test_w8a16_in_the_builtin_kernels(name: str, tmp_path: Path) -> None:
    made, x = samples.reference(name, "w8a16"), samples.images()
    file, executor = both(made, tmp_path, DEFAULT, x)
    np.testing.assert_array_equal(file, executor)
    assert near_float(made, executor[:8], x[:8]) < 0.03


@pytest.mark.parametrize("name", OWN_KERNELS)
def test_w8a8_without_a_delegate(name: str, tmp_path: Path) -> None:
    made = samples.reference(name, "w8a8")
    np.testing.assert_array_equal(*both(made, tmp_path, PLAIN, samples.images()))


@pytest.mark.parametrize(
    "name", ["depthwise", "depthwise, stride 2, multiplier", "grouped", "linear only", "silu", "cat"]
)
@pytest.mark.parametrize("backend", [DEFAULT, PLAIN])
def test_w4a8(name: str, backend: LiteRT, tmp_path: Path) -> None:
    made = samples.reference(name, "w4a8-all")
    np.testing.assert_array_equal(*both(made, tmp_path, backend, samples.images()))


@pytest.mark.parametrize(
    ("name", "recipe"), [("linear only", "w2a8-all"), ("linear only", "w2a16-all"), ("grouped", "w4a16-all")]
)
def test_other_widths(name: str, recipe: str, tmp_path: Path) -> None:
    made = samples.reference(name, recipe)
    np.testing.assert_array_equal(*both(made, tmp_path, DEFAULT, samples.images()))


@settings(max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    channels=st.integers(1, 20),
    size=st.tuples(st.integers(4, 11), st.integers(4, 11)),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
    depthwise=st.booleans(),
    recipe=st.sampled_from(["w8a8", "w8a16", "w4a8-all"]),
)
def test_any_convolution(
    tmp_path: Path,
    channels: int,
    size: tuple[int, int],
    kernel: int,
    stride: int,
    padding: int,
    depthwise: bool,
    recipe: str,
) -> None:
    torch.manual_seed(channels)
    options = {"stride": stride, "padding": min(padding, kernel // 2), "groups": channels if depthwise else 1}
    parts = {
        "c": samples.conv(3, channels, 1),
        "d": samples.conv(channels, channels, kernel, **options),
        "fc": nn.Linear(channels, 4),
    }
    spec = InputSpec(3, *size)
    made = samples.reference(samples.Net(lambda m, x: m.fc(m.d(m.c(x)).mean((2, 3))), **parts), recipe, spec)
    np.testing.assert_array_equal(*both(made, tmp_path, DEFAULT, samples.images(spec)))


@pytest.mark.parametrize("floats", [("d",), ("fc",)])
def test_layers_in_float_change_nothing_around_them(floats: tuple[str, ...], tmp_path: Path) -> None:
    made, x = samples.reference("depthwise", "w8a8", floats=floats), samples.images()
    path = samples.lowered(made, tmp_path)
    executor = only(IntegerExecutor(made, DEFAULT.arithmetic(made, path))(torch.from_numpy(x))).numpy()
    assert made.float_layers == floats
    np.testing.assert_allclose(only(DEFAULT.open(path).run_quantized(x)), executor, rtol=1e-5, atol=1e-5)


def test_sums_beyond_32_bits_saturate_as_in_the_kernel(tmp_path: Path) -> None:
    spec, linear = InputSpec(1, 64, 64), nn.Linear(4096, 8, bias=False)
    linear.weight.data = torch.linspace(0.1, 1, 8)[:, None].repeat(1, 4096)
    made = samples.reference(samples.Net(lambda m, x: m.fc(samples.flat(x)), fc=linear), "w8a16", spec)
    x = np.ones((4, 1, 64, 64), np.float32) * np.array([1, 0.3, -0.9, -1], np.float32)[:, None, None, None]
    file, executor = both(made, tmp_path, DEFAULT, x)
    np.testing.assert_array_equal(file, executor)
    assert set(file.ravel().tolist()) == {32767, -32768}
