"""The one graph of a .tflite as plain records, checked: what the reader of any tool's file can rely on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ...core.errors import BadFile
from ...core.foreign import reads
from ...core.interfaces import Array
from .inspect import OPERATORS, TYPES, metadata, read_model, sidecar

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
    options: Any

    def option(self, name: str, default: Any) -> Any:
        return getattr(self.options, name, default)


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


def _tensor(path: Path, model: Any, tensor: Any, index: int, name: str) -> FileTensor:
    quant, own = tensor.quantization, (tensor.name or b"").decode(errors="replace")
    if tensor.sparsity is not None or (quant is not None and quant.detailsType):
        raise BadFile(f"{path}: tensor {own or index} is sparse or quantized in blocks. The limited path: {LIMITED}.")
    scale = np.zeros(0, np.float32) if quant is None or quant.scale is None else np.asarray(quant.scale, np.float32)
    zero = np.zeros(len(scale), np.int64) if quant is None or quant.zeroPoint is None else np.asarray(quant.zeroPoint)
    data = model.buffers[tensor.buffer].data
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
    name = code.customCode.decode(errors="replace") if code.customCode else OPERATORS.get(number, f"number {number}")
    return FileOperator(index, name, _indices(operator.inputs), _indices(operator.outputs), operator.builtinOptions)


def _check_indices(path: Path, operators: tuple[FileOperator, ...], count: int, borders: tuple[int, ...]) -> None:
    used = [*borders, *(i for o in operators for i in (*o.inputs, *o.outputs) if i != -1)]
    if any(not 0 <= i < count for i in used) or any(-1 in o.outputs for o in operators):
        raise BadFile(f"{path} is a damaged .tflite: an operator reads a tensor it has not. Fetch or make it again.")
