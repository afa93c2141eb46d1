"""The one graph of a .tflite as plain records, checked: what the reader of any tool's file can rely on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ...core.arrays import Array
from ...core.errors import BadFile
from ...core.foreign import reads
from ...core.options import Options
from .inspect import OPERATORS, TYPES, metadata, read_model, sidecar
from .read_options import RECORDS, TABLE

LIMITED = (
    "evaluate, benchmark, predict and inspect work on the file as it is; parity and quantizing it again need"
    " operations of the op table"
)


@dataclass(frozen=True)
class FileTensor:
    """`data` is the content of a constant, as raw bytes; `scale` is empty where there are no parameters."""

    index: int
    name: str  # from the sidecar map, else the first part of the file's own name; may be empty
    shape: tuple[int, ...]
    type: str  # "int8", "float32" …
    scale: Array  # (n,) float32
    zero_point: Array  # (n,) int64
    axis: int
    data: Array | None

    @property
    def integer(self) -> bool:
        """Whether it is an activation of integers with a meaning."""
        return self.data is None and len(self.scale) > 0 and self.type in ("int8", "uint8", "int16")


@dataclass(frozen=True)
class FileOperator:
    index: int
    name: str  # as the schema calls it: "CONV_2D"
    inputs: tuple[int, ...]  # -1 for an operand that is left out
    outputs: tuple[int, ...]
    options: Any  # an object of the schema's; None for none

    def option(self, name: str) -> Any:
        """The value of a field that the table calls read."""
        return self._options.get(name)

    @property
    def fuses(self) -> bool:
        """Whether it may compute an activation function behind itself."""
        return "fusedActivationFunction" in TABLE[self.name].fields

    @property
    def refusal(self) -> str:
        """Why the operator is not read: options of another operator, or a field that the table refuses; else empty."""
        wanted, found = TABLE[self.name].options, type(self.options).__name__.removesuffix("T")
        if wanted and self.options is not None and found != wanted:
            return f"has {found} where {wanted} were expected"
        said = self._options.refusal() if wanted else None
        return f"{said[0]}; {said[1]} was expected" if said else ""

    @property
    def _options(self) -> Options:
        """Without an object in the file, the schema's defaults."""
        row = TABLE[self.name]
        held = getattr(schema, f"{row.options}T")() if self.options is None else self.options
        return Options(self.name, row.fields, held)


@dataclass(frozen=True)
class FileGraph:
    path: Path
    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    input: int
    output: int
    metadata: dict[str, Any]  # what edgequant left in the file; empty for another tool's

    def readers(self, index: int) -> list[FileOperator]:
        return [o for o in self.operators if index in o.inputs]

    def refuse(self, operator: FileOperator, what: str) -> NoReturn:
        """Raises BadFile, with what still works."""
        raise BadFile(
            f"{self.path}: operator {operator.index}, {operator.name}, {what}, which edgequant cannot read into its"
            f" own graph. The limited path: {LIMITED}."
        )


@reads("a .tflite")
def load_graph(path: Path) -> FileGraph:
    """Raises BadFile: no .tflite, several graphs, inputs or outputs, or one that points outside itself."""
    model = read_model(path)
    _check(path, "Model", model, "the file")
    graphs = model.subgraphs or []
    if len(graphs) != 1:
        raise BadFile(f"{path} has {len(graphs)} subgraphs; one was expected. The limited path: {LIMITED}.")
    graph, names = graphs[0], sidecar(path)
    sources, sinks = _indices(graph.inputs), _indices(graph.outputs)
    if len(sources) != 1 or len(sinks) != 1:
        raise BadFile(f"{path} has {len(sources)} inputs and {len(sinks)} outputs; one of each was expected.")
    tensors = tuple(_tensor(path, model, t, i, names.get(i, "")) for i, t in enumerate(graph.tensors))
    operators = tuple(_operator(model, o, i) for i, o in enumerate(graph.operators))
    _check_indices(path, operators, len(tensors), (*sources, *sinks))
    return FileGraph(path, tensors, operators, sources[0], sinks[0], metadata(model))


def _indices(values: Any) -> tuple[int, ...]:
    return () if values is None else tuple(int(v) for v in values)


def _check(path: Path, record: str, held: Any, what: str) -> None:
    """Raises BadFile for a field of the record that the table refuses."""
    said = None if held is None else Options(record, RECORDS[record], held).refusal()
    if said is not None:
        raise BadFile(f"{path}: {what} {said[0]}; {said[1]} was expected. The limited path: {LIMITED}.")


def _tensor(path: Path, model: Any, tensor: Any, index: int, name: str) -> FileTensor:
    quant, own = tensor.quantization, (tensor.name or b"").decode(errors="replace")
    buffer, title = model.buffers[tensor.buffer], f"the tensor {own or index!r}"
    for record, held in (("Tensor", tensor), ("QuantizationParameters", quant), ("Buffer", buffer)):
        _check(path, record, held, title)
    scale = np.zeros(0, np.float32) if quant is None or quant.scale is None else np.asarray(quant.scale, np.float32)
    zero = np.zeros(len(scale), np.int64) if quant is None or quant.zeroPoint is None else np.asarray(quant.zeroPoint)
    data = buffer.data
    return FileTensor(
        index,
        name or own.partition(";")[0],
        _indices(tensor.shape),
        TYPES.get(tensor.type, str(tensor.type)),
        scale,
        zero,
        0 if quant is None else int(quant.quantizedDimension),
        None if data is None or not len(data) else np.asarray(data, np.uint8),
    )


def _operator(model: Any, operator: Any, index: int) -> FileOperator:
    code = model.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)  # files before 2020 have only the latter
    name = OPERATORS.get(number, f"number {number}")
    if number == schema.BuiltinOperator.CUSTOM:
        name = f"custom {(code.customCode or b'').decode(errors='replace')}"  # whatever it calls itself
    return FileOperator(index, name, _indices(operator.inputs), _indices(operator.outputs), operator.builtinOptions)


def _check_indices(path: Path, operators: tuple[FileOperator, ...], count: int, borders: tuple[int, ...]) -> None:
    used = [*borders, *(i for o in operators for i in (*o.inputs, *o.outputs) if i != -1)]
    if any(not 0 <= i < count for i in used) or any(-1 in o.outputs for o in operators):
        raise BadFile(f"{path} is a damaged .tflite: an operator reads a tensor it has not. Fetch or make it again.")
