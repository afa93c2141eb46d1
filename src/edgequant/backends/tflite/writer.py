"""A .tflite flatbuffer, written as small as the format and the kernels allow.

The diet, all of it without effect on any output:
- vectors that are equal (shapes, scales, zero points) are stored once and pointed to many times,
  which the flatbuffer format permits; so are equal constant buffers;
- only inputs and outputs have names; the others are in the sidecar map;
- no min/max, no default-valued metadata.
`slim=False` writes the plain encoding, so that a test can compare the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ...core.arrays import Array

ALIGNMENT = 16  # of constant data, as the schema's force_align demands


@dataclass(frozen=True)
class Quant:
    """Affine parameters of a tensor; `axis` is the channel dimension where there are several scales."""

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0


@dataclass
class Tensor:
    shape: tuple[int, ...]
    type: int
    buffer: int
    quant: Quant | None
    name: str  # goes to the sidecar unless the tensor is an input or output


@dataclass
class Operator:
    code: int
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any  # an object of the schema's; None for none


@dataclass
class Writer:
    """Collects tensors and operators; `finish` gives the bytes of the file."""

    slim: bool = True
    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=lambda: [b""])
    _known: dict[bytes, int] = field(default_factory=dict)

    def tensor(self, shape: tuple[int, ...], kind: int, quant: Quant | None = None, name: str = "") -> int:
        self.tensors.append(Tensor(shape, kind, 0, quant, name))
        return len(self.tensors) - 1

    def constant(
        self, data: bytes, shape: tuple[int, ...], kind: int, quant: Quant | None = None, name: str = ""
    ) -> int:
        """A tensor with content; equal contents share a buffer."""
        self.tensors.append(Tensor(shape, kind, self.buffer(data), quant, name))
        return len(self.tensors) - 1

    def buffer(self, data: bytes) -> int:
        if not self.slim or data not in self._known:
            self.buffers.append(data)
            self._known[data] = len(self.buffers) - 1
        return self._known[data]

    def operator(
        self,
        code: int,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        options: Any = None,
        version: int = 1,
    ) -> None:
        self.operators.append(Operator(code, version, inputs, outputs, options))

    def finish(self, inputs: dict[str, int], outputs: dict[str, int], metadata: dict[str, bytes]) -> bytes:
        """The file. `inputs` and `outputs` name the signature's tensors."""
        buffers = [*self.buffers, *metadata.values()]
        builder = flatbuffers.Builder(sum(map(len, buffers)) + 65536)
        packer = _Packer(builder, self.slim)
        model = packer.model(self, buffers, inputs, outputs, list(metadata))
        builder.Finish(model, b"TFL3")
        return bytes(builder.Output())


class _Packer:
    """Writes the tables, children first, as flatbuffers want it."""

    def __init__(self, builder: flatbuffers.Builder, slim: bool) -> None:
        self.b = builder
        self.slim = slim
        self.seen: dict[Any, int] = {}

    def model(
        self, w: Writer, buffers: list[bytes], inputs: dict[str, int], outputs: dict[str, int], metadata: list[str]
    ) -> int:
        b = self.b
        codes = sorted({(o.code, o.version) for o in w.operators})
        shown = {**{i: n for n, i in inputs.items()}, **{i: n for n, i in outputs.items()}}
        # Data is laid down last-first: what is written first lands at the end of the file.
        buffer_offsets = self.offsets([self.buffer_table(data) for data in buffers])
        subgraphs = self.offsets([self.subgraph(w, codes, list(inputs.values()), list(outputs.values()), shown)])
        operator_codes = self.offsets([self.operator_code(*c) for c in codes])
        first = len(w.buffers)
        entries = self.offsets([self.metadata(name, first + i) for i, name in enumerate(metadata)])
        signature = self.offsets([self.signature(inputs, outputs)])
        description = b.CreateString("edgequant")
        schema.ModelStart(b)
        schema.ModelAddVersion(b, 3)
        schema.ModelAddOperatorCodes(b, operator_codes)
        schema.ModelAddSubgraphs(b, subgraphs)
        schema.ModelAddDescription(b, description)
        schema.ModelAddBuffers(b, buffer_offsets)
        schema.ModelAddMetadata(b, entries)
        schema.ModelAddSignatureDefs(b, signature)
        return int(schema.ModelEnd(b))

    def once(self, key: Any, make: Any) -> int:
        """`make()` the first time, the same offset afterwards."""
        if not self.slim:
            return int(make())
        if key not in self.seen:
            self.seen[key] = int(make())
        return self.seen[key]

    def vector(self, values: Array, kind: str = "") -> int:
        array = np.ascontiguousarray(values)
        return self.once((kind, array.dtype.str, array.tobytes()), lambda: self.b.CreateNumpyVector(array))

    def offsets(self, items: list[int]) -> int:
        self.b.StartVector(4, len(items), 4)
        for item in reversed(items):
            self.b.PrependUOffsetTRelative(item)
        return int(self.b.EndVector())

    def string(self, text: str) -> int:
        return self.once(("string", text), lambda: self.b.CreateString(text))

    def buffer_table(self, data: bytes) -> int:
        if not data:
            return self.once("empty buffer", lambda: (schema.BufferStart(self.b), schema.BufferEnd(self.b))[1])
        self.b.StartVector(1, len(data), ALIGNMENT)
        self.b.head = self.b.head - len(data)
        self.b.Bytes[self.b.head : self.b.head + len(data)] = data
        vector = self.b.EndVector()
        schema.BufferStart(self.b)
        schema.BufferAddData(self.b, vector)
        return int(schema.BufferEnd(self.b))

    def quantization(self, quant: Quant) -> int:
        scale = self.vector(np.asarray(quant.scale, np.float32))
        zero_point = self.vector(np.asarray(quant.zero_point, np.int64))

        def make() -> int:
            schema.QuantizationParametersStart(self.b)
            schema.QuantizationParametersAddScale(self.b, scale)
            schema.QuantizationParametersAddZeroPoint(self.b, zero_point)
            schema.QuantizationParametersAddQuantizedDimension(self.b, quant.axis)
            return int(schema.QuantizationParametersEnd(self.b))

        return self.once(("quant", scale, zero_point, quant.axis), make)

    def tensor(self, tensor: Tensor, name: str) -> int:
        shape = self.vector(np.asarray(tensor.shape, np.int32))
        quant = self.quantization(tensor.quant) if tensor.quant else None
        text = self.string(name if self.slim else name or tensor.name)
        schema.TensorStart(self.b)
        schema.TensorAddShape(self.b, shape)
        schema.TensorAddType(self.b, tensor.type)
        schema.TensorAddBuffer(self.b, tensor.buffer)
        schema.TensorAddName(self.b, text)
        if quant is not None:
            schema.TensorAddQuantization(self.b, quant)
        schema.TensorAddHasRank(self.b, True)
        return int(schema.TensorEnd(self.b))

    def subgraph(
        self, w: Writer, codes: list[tuple[int, int]], inputs: list[int], outputs: list[int], shown: dict[int, str]
    ) -> int:
        tensors = self.offsets([self.tensor(t, shown.get(i, "")) for i, t in enumerate(w.tensors)])
        operators = self.offsets([self.operator(o, codes.index((o.code, o.version))) for o in w.operators])
        ins, outs = (self.vector(np.asarray(v, np.int32)) for v in (inputs, outputs))
        name = self.string("main")
        schema.SubGraphStart(self.b)
        schema.SubGraphAddTensors(self.b, tensors)
        schema.SubGraphAddInputs(self.b, ins)
        schema.SubGraphAddOutputs(self.b, outs)
        schema.SubGraphAddOperators(self.b, operators)
        schema.SubGraphAddName(self.b, name)
        return int(schema.SubGraphEnd(self.b))

    def operator(self, operator: Operator, index: int) -> int:
        inputs, outputs = (self.vector(np.asarray(v, np.int32)) for v in (operator.inputs, operator.outputs))
        options, kind = None, 0
        if operator.options is not None:
            kind = getattr(schema.BuiltinOptions, type(operator.options).__name__.removesuffix("T"))
            key = (kind, tuple(sorted((k, str(v)) for k, v in vars(operator.options).items())))
            options = self.once(("options", key), lambda: operator.options.Pack(self.b))
        schema.OperatorStart(self.b)
        schema.OperatorAddOpcodeIndex(self.b, index)
        schema.OperatorAddInputs(self.b, inputs)
        schema.OperatorAddOutputs(self.b, outputs)
        if options is not None:
            schema.OperatorAddBuiltinOptionsType(self.b, kind)
            schema.OperatorAddBuiltinOptions(self.b, options)
        return int(schema.OperatorEnd(self.b))

    def operator_code(self, code: int, version: int) -> int:
        schema.OperatorCodeStart(self.b)
        schema.OperatorCodeAddDeprecatedBuiltinCode(self.b, min(code, 127))
        schema.OperatorCodeAddVersion(self.b, version)
        schema.OperatorCodeAddBuiltinCode(self.b, code)
        return int(schema.OperatorCodeEnd(self.b))

    def metadata(self, name: str, buffer: int) -> int:
        text = self.string(name)
        schema.MetadataStart(self.b)
        schema.MetadataAddName(self.b, text)
        schema.MetadataAddBuffer(self.b, buffer)
        return int(schema.MetadataEnd(self.b))

    def signature(self, inputs: dict[str, int], outputs: dict[str, int]) -> int:
        maps = [self.offsets([self.tensor_map(n, i) for n, i in side.items()]) for side in (inputs, outputs)]
        key = self.string("serving_default")
        schema.SignatureDefStart(self.b)
        schema.SignatureDefAddInputs(self.b, maps[0])
        schema.SignatureDefAddOutputs(self.b, maps[1])
        schema.SignatureDefAddSignatureKey(self.b, key)
        schema.SignatureDefAddSubgraphIndex(self.b, 0)
        return int(schema.SignatureDefEnd(self.b))

    def tensor_map(self, name: str, index: int) -> int:
        text = self.string(name)
        schema.TensorMapStart(self.b)
        schema.TensorMapAddName(self.b, text)
        schema.TensorMapAddTensorIndex(self.b, index)
        return int(schema.TensorMapEnd(self.b))
