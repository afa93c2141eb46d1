"""An .onnx file opened in ONNX Runtime, fed as an app would feed it."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import onnx
import onnxruntime

from ...core.arrays import Array, Outputs
from ...core.errors import BadFile, Unsupported
from ...core.foreign import foreign
from ..contract import AbstractSession, OutputInfo
from ..onnx.inspect import first_line, metadata, read
from .fusion import unfused

# what ONNX Runtime's optimizer makes of Q/DQ around an operation, and ONNX's own integer operations
INTEGER_KERNELS = {"QGemm", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"}
FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
INTEGERS = {"tensor(int8)": np.int8, "tensor(uint8)": np.uint8}


@dataclass(frozen=True)
class Border:
    """The file's input or output: its name, its type, and, for integers, `real = scale * (q - zero_point)`."""

    name: str
    dtype: Any
    scale: float = 0.0
    zero_point: int = 0

    def quantize(self, values: Array) -> Array:
        """float32 to the type of the file; half to even, as QuantizeLinear."""
        if not self.scale:
            return np.ascontiguousarray(values, self.dtype)
        limits = np.iinfo(self.dtype)
        steps = np.rint(values.astype(np.float32) / np.float32(self.scale)) + self.zero_point
        return np.ascontiguousarray(np.clip(steps, limits.min, limits.max).astype(self.dtype))

    def dequantize(self, values: Array) -> Array:
        if not self.scale:
            return values.astype(np.float32)
        return (values.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)


def open_session(path: Path, threads: int, provider: str) -> OnnxSession:
    """Raises BadFile; Unsupported where this build of ONNX Runtime lacks the provider."""
    known = onnxruntime.get_available_providers()
    if provider not in known:
        raise Unsupported(f"This ONNX Runtime has no provider {provider!r}. It has: {', '.join(known)}.")
    model = read(path)
    try:
        session = onnxruntime.InferenceSession(str(path), options(threads), providers=[provider])
    except Exception as error:  # onnxruntime's exceptions have no common public base
        raise BadFile(f"ONNX Runtime cannot open {path}: {first_line(error)}.") from error
    with foreign(path, "an ONNX model"):
        return OnnxSession(session, model, path, provider)


def options(threads: int) -> onnxruntime.SessionOptions:
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = threads
    chosen.inter_op_num_threads = 1
    chosen.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    chosen.log_severity_level = 3  # errors, no warnings; errors still raise
    return chosen


@final
class OnnxSession(AbstractSession):
    """One interpreter. Does not preprocess: it takes images as `core.preprocess.normalise` makes them."""

    def __init__(self, session: Any, model: onnx.ModelProto, path: Path, provider: str) -> None:
        self._session, self._path, self._provider = session, path, provider
        record = metadata(model)
        self.border = _border(session.get_inputs(), model.graph, path, "input", record)
        self._sinks = (_border(session.get_outputs(), model.graph, path, "output", record),)
        self._nhwc = record.get("layout") == "NHWC"
        step = float(record.get("output_scale", 0.0))  # of integers that the file's last node dequantizes
        self._outputs = tuple(_info(*pair, step) for pair in zip(self._sinks, session.get_outputs()))
        self._batch = _batch(session, model)
        self._binding: Any = None
        self._held: Any = None

    @property
    def outputs(self) -> tuple[OutputInfo, ...]:
        return self._outputs

    def run(self, inputs: Array) -> Outputs:
        return self.decode(self._call(inputs))

    def run_quantized(self, inputs: Array) -> Outputs:
        """int8, as in the reference graph: a uint8 output is moved down by 128, which changes no value."""
        given = zip(self._sinks, self._call(inputs))
        return {sink.name: (v ^ 128).view(np.int8) if v.dtype == np.uint8 else v for sink, v in given}

    def encode(self, inputs: Array) -> Array:
        """(N, C, H, W) float32 -> what the file takes."""
        return self.border.quantize(inputs.transpose(0, 2, 3, 1) if self._nhwc else inputs)

    def decode(self, given: Sequence[Array]) -> Outputs:
        """What the file gives -> float32."""
        return {sink.name: sink.dequantize(values) for sink, values in zip(self._sinks, given)}

    def counted(self, nodes: Any, files: Mapping[str, bytes]) -> dict[str, Any]:  # noqa: ARG002
        """`kernels` of the optimized graph that another machine sent."""
        return count_kernels(onnx.load_model_from_string(files["optimized-0.onnx"]))

    def _call(self, inputs: Array) -> list[Array]:
        """What the file gives, an array an output."""
        fed = self.encode(inputs)
        size = self._batch or max(len(fed), 1)
        with foreign(self._path, f"an ONNX model that takes {inputs.shape[1:]} images"):
            parts = [self._once(fed[at : at + size]) for at in range(0, max(len(fed), 1), size)]
            return [np.concatenate(values) for values in zip(*parts)]

    def _once(self, fed: Array) -> list[Array]:
        """One call. A file of a fixed batch gets a short last one filled up with zeros, and cut again."""
        short = self._batch - len(fed) if self._batch else 0
        padded = np.concatenate([fed, np.zeros((short, *fed.shape[1:]), fed.dtype)]) if short > 0 else fed
        made = self._session.run([sink.name for sink in self._sinks], {self.border.name: padded})
        return [values[: len(fed)] for values in made]

    def prepare(self, inputs: Array) -> None:
        self._held = onnxruntime.OrtValue.ortvalue_from_numpy(self.encode(inputs))
        self._binding = self._session.io_binding()
        self._binding.bind_ortvalue_input(self.border.name, self._held)
        for sink in self._sinks:
            self._binding.bind_output(sink.name, "cpu")

    def invoke(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def kernels(self) -> dict[str, Any]:
        """Counts of the graph that runs, as ONNX Runtime's optimizer left it; "delegated": integer kernels."""
        with tempfile.TemporaryDirectory() as folder:
            chosen = options(1)
            chosen.optimized_model_filepath = str(Path(folder, "optimized.onnx"))
            onnxruntime.InferenceSession(str(self._path), chosen, providers=[self._provider])
            return count_kernels(onnx.load_model(chosen.optimized_model_filepath))


def count_kernels(optimized: onnx.ModelProto) -> dict[str, Any]:
    """{"delegated", "total", "by"} of a graph as ONNX Runtime's optimizer left it, here or on another machine."""
    nodes = optimized.graph.node
    by = Counter(node.op_type for node in nodes)
    integer = sum(count for kind, count in by.items() if kind.startswith("QLinear") or kind in INTEGER_KERNELS)
    counts = {"delegated": integer, "total": len(nodes), "by": dict(sorted(by.items()))}
    left = unfused(optimized)
    return counts | ({"unfused": left} if left else {})


def _border(found: Any, graph: onnx.GraphProto, path: Path, side: str, record: Mapping[str, Any]) -> Border:
    if len(found) != 1:
        raise BadFile(f"{path} has {len(found)} {side}s. One was expected: an image in, class scores out.")
    name, kind = found[0].name, found[0].type
    if kind in FLOATS:
        return Border(name, FLOATS[kind])
    if kind not in INTEGERS:
        raise BadFile(f"The {side} of {path} is {kind}; float32, float16, int8 or uint8 was expected.")
    scale, zero_point = record.get(f"{side}_grid") or _parameters(graph, name, path, side)
    return Border(name, INTEGERS[kind], float(scale), int(zero_point))


def _info(border: Border, value: Any, step: float) -> OutputInfo:
    shape = tuple(side if isinstance(side, int) else -1 for side in value.shape[1:])
    return OutputInfo(border.name, shape, np.dtype(border.dtype).name, border.scale or step, border.zero_point)


def _parameters(graph: onnx.GraphProto, name: str, path: Path, side: str) -> tuple[float, int]:
    """(scale, zero point) of an integer input or output, from the DequantizeLinear or QuantizeLinear next to it."""
    makers = {node.output[0]: node for node in graph.node}
    if side == "input":
        node = next((n for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] == name), None)
    else:
        node = makers.get(name)
        while node is not None and node.op_type in ("Clip", "Reshape", "Flatten"):
            node = makers.get(node.input[0])
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in graph.initializer}
    told = node is not None and node.op_type in ("DequantizeLinear", "QuantizeLinear")
    if node is None or not told or not set(node.input[1:]) <= set(constants):
        raise BadFile(
            f"The {side} of {path} holds integers; a QuantizeLinear or DequantizeLinear with constant parameters"
            " was expected to say what they mean. Give a QDQ file."
        )
    zero_point = constants[node.input[2]] if len(node.input) > 2 else 0
    return float(constants[node.input[1]]), int(zero_point)


def _batch(session: Any, model: onnx.ModelProto) -> int:
    """Images a call takes; 0 for any number.

    DynamicQuantizeLinear takes its range over the whole batch, so images that share one change each
    other's scores. An app sends one; so do we.
    """
    if any(node.op_type == "DynamicQuantizeLinear" for node in model.graph.node):
        return 1
    size = session.get_inputs()[0].shape[0]
    return size if isinstance(size, int) and size > 0 else 0
