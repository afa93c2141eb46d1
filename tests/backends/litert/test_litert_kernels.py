"""Kernels of one input, on any grid: the mirrored arithmetic against a file of that one operator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgequant.backends.litert.session import Session
from edgequant.backends.tflite.layout import VERSIONS, Op, Type
from edgequant.backends.tflite.writer import Quant, Writer
from edgequant.core.grid import QParams
from edgequant.graph.ops.table import OPS
from edgequant.graph.program import Step
from edgequant.quantization.simulation.arithmetic import Operands
from edgequant.quantization.simulation.kernels.builtin import BUILTIN
from edgequant.quantization.simulation.kernels.xnnpack import XNNPACK

Attrs = Mapping[str, Any]
NO_OPTIONS = None


def leaky(slope: float) -> Any:
    options = schema.LeakyReluOptionsT()
    options.alpha = slope
    return options


def gelu(approximate: bool) -> Any:
    options = schema.GeluOptionsT()
    options.approximate = approximate
    return options


def bilinear(corners: bool) -> Any:
    options = schema.ResizeBilinearOptionsT()
    options.alignCorners, options.halfPixelCenters = corners, not corners
    return options


EVERYWHERE = {"low": -1e9, "high": 1e9}
KERNELS: dict[str, tuple[str, int, Any, Attrs, tuple[int, ...]]] = {  # row, operator, options, attributes, bits
    "tanh": ("tanh", Op.TANH, NO_OPTIONS, {}, (8, 16)),
    "elu": ("elu", Op.ELU, NO_OPTIONS, {}, (8,)),
    "gelu": ("gelu", Op.GELU, gelu(False), {"approximate": "none"}, (8,)),
    "gelu, tanh": ("gelu", Op.GELU, gelu(True), {"approximate": "tanh"}, (8,)),
    "hard_swish": ("hard_swish", Op.HARD_SWISH, NO_OPTIONS, {}, (8,)),
    "leaky_relu": ("leaky_relu", Op.LEAKY_RELU, leaky(0.3), {"slope": 0.3}, (8, 16)),
    "leaky_relu, negative": ("leaky_relu", Op.LEAKY_RELU, leaky(-0.2), {"slope": -0.2}, (8, 16)),
    "rsqrt": ("rsqrt", Op.RSQRT, NO_OPTIONS, {}, (8,)),
    "clamp": ("clamp", Op.QUANTIZE, NO_OPTIONS, EVERYWHERE, (8, 16)),
}
CASES = [(name, bits) for name, (*_, widths) in KERNELS.items() for bits in widths]
QUIET = settings(max_examples=4, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


def file_of(folder: Path, code: int, options: Any, x: np.ndarray, grids: list[QParams], size: Any = None) -> Path:
    """One operator from `x`, NHWC, to a tensor of its shape or, resized, of another."""
    writer, wide = Writer(), grids[0].bits > 8
    kind = Type.INT16 if wide else Type.INT8
    shape = x.shape if size is None else (1, *size, x.shape[3])
    quants = [Quant((p.scale,), (p.zero_point,)) for p in grids]
    source = writer.tensor(x.shape, kind, quants[0], "in")
    target = writer.tensor(shape, kind, quants[1], "out")
    more = () if size is None else (writer.constant(np.array(size, np.int32).tobytes(), (2,), Type.INT32),)
    writer.operator(code, (source, *more), (target,), options, VERSIONS[code][2 if wide else 1])
    path = folder / "one.tflite"
    path.write_bytes(writer.finish({"image": source}, {"scores": target}, {}))
    return path


def answers(path: Path, x: np.ndarray, delegate: bool) -> tuple[np.ndarray, bool]:
    """What the file's operator gives, and whether XNNPACK ran it."""
    session = Session(path, 1, delegate)
    session.interpreter.set_tensor(session.source["index"], x)
    session.invoke()
    found: np.ndarray = session.interpreter.get_tensor(session.sinks[0]["index"])
    return found, bool(session.kernels()["delegated"])


def mirrored(row: str, attrs: Attrs, x: np.ndarray, grids: list[QParams], xnnpack: bool) -> np.ndarray:
    """The same by the executor's arithmetic, NHWC."""
    centred = torch.from_numpy(x.astype(np.float32)).permute(0, 3, 1, 2) - grids[0].zero_point
    step = Step("out", row, ("in",), tuple(centred.shape[1:]), attrs)
    made = (XNNPACK if xnnpack else BUILTIN).ops[row](Operands(step, [centred], grids[:1], grids[1]))
    return (made + grids[1].zero_point).permute(0, 2, 3, 1).numpy()


def grids_of(row: str, bits: int, scale: float, ratio: float, zeros: tuple[int, int]) -> list[QParams]:
    source = QParams(float(np.float32(scale if bits == 8 else scale / 256)), 0 if bits > 8 else zeros[0], bits)
    if row == "tanh":
        return [source, QParams(2.0 ** (1 - bits), 0, bits)]
    if row == "rsqrt":
        return [QParams(source.scale, -128), QParams(float(np.float32(0.05 * ratio)), -128)]
    return [source, QParams(float(np.float32(source.scale * ratio)), 0 if bits > 8 else zeros[1], bits)]


@pytest.mark.parametrize("delegate", [True, False])
@pytest.mark.parametrize(("name", "bits"), CASES)
@QUIET
@given(
    scale=st.floats(0.004, 0.1),
    ratio=st.floats(0.3, 3),
    zeros=st.tuples(st.integers(-128, 127), st.integers(-128, 127)),
    channels=st.integers(1, 20),
)
def test_every_value_is_the_kernels(
    tmp_path: Path,
    name: str,
    bits: int,
    delegate: bool,
    scale: float,
    ratio: float,
    zeros: tuple[int, int],
    channels: int,
) -> None:
    row, code, options, attrs, _ = KERNELS[name]
    grids = grids_of(row, bits, scale, ratio, zeros)
    values = np.arange(-128, 128) if bits == 8 else np.random.default_rng(channels).integers(-32767, 32768, 256)
    x = np.resize(values, (1, 3, -(-256 // (3 * channels)), channels)).astype(np.int8 if bits == 8 else np.int16)
    found, xnnpack = answers(file_of(tmp_path, code, options, x, grids), x, delegate)
    wanted = mirrored(row, attrs, x, grids, xnnpack)
    np.testing.assert_array_equal(found, wanted)
    assert bits > 8 or furthest(row, attrs, x, wanted, grids) < 1.6


def furthest(row: str, attrs: Attrs, x: np.ndarray, q: np.ndarray, grids: list[QParams]) -> float:
    """How many steps the integers lie from the operation in float64, where the grid reaches."""
    source, out = grids
    real = (torch.from_numpy(x.astype(np.float64)) - source.zero_point) * source.scale
    steps = OPS[row].run(attrs, None, real).numpy() / out.scale + out.zero_point
    return float(np.abs(np.clip(steps, -(2.0 ** (out.bits - 1)), out.high) - q).max())


@pytest.mark.parametrize("delegate", [True, False])
@pytest.mark.parametrize("bits", [8, 16])
@QUIET
@given(
    before=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    after=st.tuples(st.integers(1, 13), st.integers(1, 13)),
    corners=st.booleans(),
    zero=st.integers(-128, 127),
)
def test_bilinear_resizing_to_any_size(
    tmp_path: Path,
    bits: int,
    delegate: bool,
    before: tuple[int, int],
    after: tuple[int, int],
    corners: bool,
    zero: int,
) -> None:
    grid = QParams(0.1, zero if bits == 8 else 0, bits)
    half = 2 ** (bits - 1)
    x = np.random.default_rng(zero % 7).integers(1 - half, half, (1, *before, 3))
    x = x.astype(np.int8 if bits == 8 else np.int16)
    path = file_of(tmp_path, Op.RESIZE_BILINEAR, bilinear(corners), x, [grid, grid], after)
    found, xnnpack = answers(path, x, delegate)
    attrs = {"mode": "bilinear", "size": after, "corners": corners}
    np.testing.assert_array_equal(found, mirrored("upsample", attrs, x, [grid, grid], xnnpack))
