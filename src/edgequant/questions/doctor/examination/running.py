"""Where a file's operators run, and, where something about that is odd, how long it takes beside its float32."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from ....backends.contract import AbstractBackend
from ....catalog import BACKENDS
from ....core.arrays import Array
from ....core.errors import BadFile
from ....measure.latency import benchmark
from ....quantization.build import build
from ....recipe.recipe import parse_recipe
from ....recipe.resolve import resolve
from ..evidence import Running, Speed
from .file_side import FileSide
from .float_side import FloatSide

WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}
FLOAT_KERNELS = {"Conv", "FusedConv", "NhwcFusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul", "ConvTranspose"}
LOOSE = ("QuantizeLinear", "DequantizeLinear")
SECONDS = 1.0  # of timing a file


def running(file: FileSide, side: FloatSide, image: Array) -> tuple[Running, str]:
    """`image`: one normalised (1, C, H, W). And what could not be seen; empty for nothing."""
    path, target, usual = file.path, file.target, file.file.target
    sessions = {name: BACKENDS.build(name).open(path) for name in dict.fromkeys((target, usual))}
    as_opened, by_default = (sessions[name].kernels() for name in (target, usual))
    try:
        found = Running(target, usual, **_graph(path, by_default))
    except BadFile as error:
        return Running(target, usual), f"float operators inside the file are not looked for: {error}"
    found = dataclasses.replace(
        found,
        delegated=as_opened["delegated"],
        delegated_usually=by_default["delegated"],
        total=as_opened["total"],
    )
    odd = found.integer and (found.builtin or found.floats or found.loose)
    return (_timed(found, path, side, image) if odd or found.delegated < found.delegated_usually else found), ""


def _graph(path: Path, kernels: dict[str, Any]) -> dict[str, Any]:
    return _onnx(path, kernels["by"]) if path.suffix.lower() == ".onnx" else _tflite(path, kernels["by"])


def _tflite(path: Path, by: dict[str, int]) -> dict[str, Any]:
    from ....backends.tflite.graph import load_graph

    graph = load_graph(path)
    tensors = graph.tensors
    moves = [o for o in graph.operators if o.name in ("QUANTIZE", "DEQUANTIZE") and tensors[o.inputs[0]].data is None]
    moves = [o for o in moves if not (tensors[o.inputs[0]].integer and tensors[o.outputs[0]].integer)]  # other grids
    inside = [o for o in moves if o.inputs[0] != graph.input and o.outputs[0] != graph.output]
    others = [o for o in graph.operators if o.name not in ("QUANTIZE", "DEQUANTIZE")]
    floats = [o.name for o in others if tensors[o.outputs[0]].type == "float32"]
    return {
        "integer": any(tensors[o.outputs[0]].integer for o in others),
        "floats": tuple(floats),
        "loose": len(inside),
        "builtin": tuple(kind for kind, count in by.items() if kind in WEIGHTED for _ in range(count)),
    }


def _onnx(path: Path, by: dict[str, int]) -> dict[str, Any]:
    """`by`: the operators of the graph that runs, as ONNX Runtime's optimizer left it."""
    from ....backends.onnx.inspect import inspect

    found = inspect(path)
    ends = sum(t["type"] == "float32" for t in found["tensors"] if t["role"] in ("input", "output"))
    return {
        "integer": "QuantizeLinear" in found["operators"] or any(kind.startswith("QLinear") for kind in by),
        "floats": tuple(kind for kind, count in by.items() if kind in FLOAT_KERNELS for _ in range(count)),
        "loose": max(0, sum(by.get(kind, 0) for kind in LOOSE) - ends),
    }


def _timed(found: Running, path: Path, side: FloatSide, image: Array) -> Running:
    """All in turns, on one thread."""
    backend: AbstractBackend = BACKENDS.build(found.usual)
    with tempfile.TemporaryDirectory() as folder:
        sessions = {"file": BACKENDS.build(found.target).open(path)}
        if found.target != found.usual:
            sessions["file_usually"] = backend.open(path)
        float32 = lowered(side, found.usual, Path(folder))
        sessions["float32"] = BACKENDS.build(found.usual if float32.suffix == path.suffix else _other(float32)).open(
            float32
        )
        times = benchmark(sessions, image, threads=1, min_runs=30, budget_s=SECONDS)
    speeds: dict[str, Any] = {name: _speed(ms) for name, ms in times.items()}
    return dataclasses.replace(found, **speeds)


def _other(path: Path) -> str:
    from ....files.input import target_for

    return target_for(path)


def lowered(side: FloatSide, target: str, folder: Path) -> Path:
    """Its float32 file, to time another one against. Raises Unsupported."""
    if side.file is not None:
        return side.file
    assert side.captured is not None
    backend = BACKENDS.build(target)
    plan = resolve(side.captured.program, parse_recipe("float32"), target, backend.capability)
    return backend.lower(build(side.captured, plan, {}), folder / f"float32{backend.capability.suffix}").path


def _speed(ms: dict[str, Any]) -> Speed:
    low, high = ms["p50_ci95"]
    return Speed(ms["p50"], low, high)
