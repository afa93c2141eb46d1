"""A random .tflite under way, in floats or in int8, made of the schema's own objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from conformance import Draws

Array = np.ndarray[Any, Any]
TYPES = {"float32": 0, "int32": 2, "int8": 9}  # of TensorType


@dataclass(frozen=True)
class Grid:
    scale: float
    zero_point: int


@dataclass
class Drawing(Draws):
    """`at` is the tensor that the next operator reads, and `shapes`, `grids` are of all; batch first, NHWC."""

    integer: bool
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    grids: list[Grid | None] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    operators: list[tuple[str, tuple[int, ...], tuple[int, ...], Any]] = field(default_factory=list)
    at: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.shapes[self.at]

    # Tensors

    def tensor(self, shape: tuple[int, ...], kind: str, grid: Grid | None = None, data: bytes = b"") -> int:
        self.shapes.append(tuple(int(n) for n in shape))
        self.kinds.append(kind)
        self.grids.append(grid)
        self.data.append(data)
        return len(self.shapes) - 1

    def activation(self, shape: tuple[int, ...] = (), grid: Grid | None = None) -> int:
        """A result; in int8 on a grid of its own unless one is given."""
        if not self.integer:
            return self.tensor(shape, "float32")
        return self.tensor(
            shape, "int8", grid or Grid(float(np.float32(self.rng.uniform(0.01, 0.06))), self.int(-99, 99))
        )

    def ints(self, values: Any) -> int:
        array = np.asarray(values, np.int32)
        return self.tensor(array.shape, "int32", None, array.tobytes())

    def weights(self, *shape: int) -> int:
        if not self.integer:
            return self.tensor(shape, "float32", None, self.rng.normal(0, 0.5, shape).astype(np.float32).tobytes())
        values = self.rng.integers(-127, 128, shape).astype(np.int8)
        return self.tensor(shape, "int8", Grid(float(np.float32(self.rng.uniform(0.002, 0.01))), 0), values.tobytes())

    def bias(self, count: int, weights: int) -> int:
        if not self.integer:
            return self.tensor((count,), "float32", None, self.rng.normal(0, 0.5, count).astype(np.float32).tobytes())
        source, kernel = self.grids[self.at], self.grids[weights]
        assert source is not None and kernel is not None
        grid = Grid(float(np.float32(source.scale) * np.float32(kernel.scale)), 0)
        return self.tensor((count,), "int32", grid, self.rng.integers(-999, 999, count).astype(np.int32).tobytes())

    def same(self) -> Grid | None:
        return self.grids[self.at]

    # Operators

    def op(self, name: str, inputs: tuple[int, ...], output: int, options: str = "", **fields: Any) -> None:
        """`options` is the schema's class; its other fields have their defaults."""
        held = getattr(schema, f"{options}T")() if options else None
        for key, value in fields.items():
            assert hasattr(held, key), key
            setattr(held, key, value)
        self.operators.append((name, inputs, (output,), held))
        self.at = output

    def file(self) -> bytes:
        """What is drawn so far as a .tflite; its output is `at`."""
        model = schema.ModelT()
        model.version, model.description, model.buffers = 3, b"drawn", [schema.BufferT()]
        graph = schema.SubGraphT()
        graph.tensors = [self._tensor(model, i) for i in range(len(self.shapes))]
        graph.inputs, graph.outputs = np.array([0], np.int32), np.array([self.at], np.int32)
        codes: list[int] = []
        graph.operators = [self._operator(o, codes) for o in self.operators]
        model.operatorCodes = [_code(c) for c in codes]
        model.subgraphs = [graph]
        builder = flatbuffers.Builder(1 << 14)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _tensor(self, model: Any, index: int) -> Any:
        made = schema.TensorT()
        made.shape, made.type = np.array(self.shapes[index], np.int32), TYPES[self.kinds[index]]
        made.name, made.hasRank = f"t{index}".encode(), True
        if self.data[index]:
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(self.data[index], np.uint8)
            made.buffer = len(model.buffers) - 1
        grid = self.grids[index]
        if grid is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = np.array([grid.scale], np.float32)
            made.quantization.zeroPoint = np.array([grid.zero_point], np.int64)
        return made

    def _operator(self, drawn: tuple[str, tuple[int, ...], tuple[int, ...], Any], codes: list[int]) -> Any:
        name, inputs, outputs, options = drawn
        number = getattr(schema.BuiltinOperator, name)
        if number not in codes:
            codes.append(number)
        made = schema.OperatorT()
        made.opcodeIndex = codes.index(number)
        made.inputs, made.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options is not None:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
            made.builtinOptions = options
        return made


def _code(number: int) -> Any:
    made = schema.OperatorCodeT()
    made.builtinCode, made.deprecatedBuiltinCode, made.version = number, min(number, 127), 1
    return made


def run(file: bytes, x: Array | None, delegate: bool = False) -> tuple[Array | None, dict[int, tuple[int, ...]]]:
    """What LiteRT makes of one input, None for none; and the shapes that it gives all tensors. By its own kernels, or
    with XNNPACK as it comes.

    Raises RuntimeError and ValueError where it runs nothing of the file.
    """
    kernels = OpResolverType.AUTO if delegate else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=file, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    shapes = {int(t["index"]): tuple(int(n) for n in t["shape"]) for t in interpreter.get_tensor_details()}
    if x is None:
        return None, shapes
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])), shapes
