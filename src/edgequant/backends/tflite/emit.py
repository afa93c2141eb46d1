"""The reference graph, operation by operation, as TensorFlow Lite operators.

Images are NHWC there, so a tensor `(C, H, W)` becomes `[1, H, W, C]`; weights are laid out as the
kernels want them (convolution O,H,W,I; depthwise 1,H,W,O; fully connected O,I). A flattened image
keeps its NHWC order and the linear layer behind it has its columns permuted instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import nn

from ...core.affine import bias_scale, quantize_bias
from ...core.errors import Unsupported
from ...core.records import QParams, WeightQ
from ...graph.program import Step
from ...quantize.reference import Reference
from .padding import Window, conv_windows
from .writer import Quant, Writer

Op = schema.BuiltinOperator
Options = schema.BuiltinOptions
Type = schema.TensorType
FUSED = {"": 0, "relu": 1, "relu6": 3}  # ActivationFunctionType
NUMPY = {
    Type.FLOAT32: np.float32,
    Type.FLOAT16: np.float16,
    Type.INT8: np.int8,
    Type.INT32: np.int32,
    Type.INT64: np.int64,
}
# Operator versions: (float, int8, int16 activations), from TensorFlow's register.cc and op_version.cc.
VERSIONS = {
    Op.CONV_2D: (1, 3, 5), Op.DEPTHWISE_CONV_2D: (1, 3, 5), Op.FULLY_CONNECTED: (1, 4, 7), Op.ADD: (1, 2, 3),
    Op.MUL: (1, 2, 4), Op.MEAN: (1, 2, 3), Op.MAX_POOL_2D: (1, 2, 3), Op.AVERAGE_POOL_2D: (1, 2, 3),
    Op.PAD: (1, 2, 3), Op.CONCATENATION: (1, 2, 3), Op.LOGISTIC: (1, 2, 3), Op.SOFTMAX: (1, 2, 3),
    Op.RELU: (1, 2, 2), Op.RELU6: (1, 2, 2), Op.QUANTIZE: (1, 1, 2), Op.DEQUANTIZE: (2, 2, 3), Op.RESHAPE: (1, 1, 1),
}  # fmt: skip


@dataclass
class Emitter:
    """The state of one lowering. `place` maps each tensor of the program to its index, per domain."""

    reference: Reference
    writer: Writer
    integers: dict[str, int] = field(default_factory=dict)  # tensor -> index of its integer form
    floats: dict[str, int] = field(default_factory=dict)  # tensor -> index of its float form
    flattened: dict[str, tuple[int, ...]] = field(default_factory=dict)  # flat tensor -> the (C, H, W) it was
    padded: dict[str, tuple[str, tuple[int, int, int, int]]] = field(default_factory=dict)  # pad merged into its reader

    def emit(self) -> tuple[int, int]:
        """All steps; returns the indices of the input and of the output tensor."""
        program = self.reference.captured.program
        source = self.make(program.input)
        for step in program.steps:
            if not self.merge_pad(step):
                self.step(step)
        return source, self.final(program.output)

    def final(self, name: str) -> int:
        return self.integers[name] if name in self.reference.activations else self.floats[name]

    def step(self, step: Step) -> None:
        sources = tuple(self.source_name(t) for t in step.inputs)
        integer = self.reference.runs_in_integers(step, sources)
        inputs = [self.read(source, integer) for source in sources]
        if step.kind == "reshape":
            self.note_flattening(step)
        output = self.declare(step.name, integer)
        EMIT[step.kind](self, step, inputs, output, integer)
        if not integer and step.name in self.reference.activations:
            self.convert(step.name, to_integer=True)

    # Tensors

    def make(self, name: str) -> int:
        """The tensor in the form it ships in: integers where it has parameters."""
        return self.declare(name, name in self.reference.activations)

    def declare(self, name: str, integer: bool) -> int:
        shape = nhwc(self.reference.captured.program.shape(name))
        if not integer:
            self.floats[name] = self.writer.tensor(shape, Type.FLOAT32, name=name)
            return self.floats[name]
        p = self.reference.activations[name]
        kind = Type.INT16 if p.bits > 8 else Type.INT8
        self.integers[name] = self.writer.tensor(shape, kind, Quant((p.scale,), (p.zero_point,)), name)
        return self.integers[name]

    def read(self, name: str, integer: bool) -> int:
        """The tensor in the wanted form, converted if it does not have it yet."""
        have = self.integers if integer else self.floats
        return have[name] if name in have else self.convert(name, integer)

    def convert(self, name: str, to_integer: bool) -> int:
        source = (self.floats if to_integer else self.integers)[name]
        target = self.declare(name, to_integer)
        code = Op.QUANTIZE if to_integer else Op.DEQUANTIZE
        wide = name in self.reference.activations and self.reference.activations[name].bits > 8
        self.writer.operator(code, (source,), (target,), version=VERSIONS[code][2 if wide else 1])
        return target

    def source_name(self, name: str) -> str:
        return self.padded[name][0] if name in self.padded else name

    def integers_of(
        self, data: torch.Tensor | np.ndarray[Any, Any], kind: int, quant: Quant | None = None, name: str = ""
    ) -> int:
        array = np.ascontiguousarray(np.asarray(data), dtype=NUMPY[kind])
        return self.writer.constant(array.tobytes(), array.shape, kind, quant, name)

    def op(
        self,
        code: int,
        step: Step,
        inputs: tuple[int, ...],
        output: int,
        integer: bool,
        options_type: int = 0,
        options: Any = None,
    ) -> None:
        wide = integer and self.reference.activations[step.name].bits > 8
        version = VERSIONS[code][2 if wide else int(integer)]
        self.writer.operator(code, inputs, (output,), options_type, options, version)

    # Weights

    def weight(self, step: Step, layout: Callable[[torch.Tensor], torch.Tensor], axis: int) -> int:
        """The layer's weight as the recipe's kind stores it, converted to float by an operator where that kind does."""
        quantized = self.reference.weights.get(step.layer)
        if quantized is not None:
            index = self.packed(quantized, layout, axis, step.layer)
            return self.dequantized(index) if self.reference.kind == "weight-only" else index
        value = layout(self.reference.captured.network.layer(step.layer).weight.detach())
        return self.float_constant(value, step.layer)

    def float_constant(self, value: torch.Tensor, name: str) -> int:
        if self.reference.kind == "float16":
            return self.dequantized(self.integers_of(value.numpy(), Type.FLOAT16, name=name))
        return self.integers_of(value.numpy(), Type.FLOAT32, name=name)

    def dequantized(self, index: int) -> int:
        target = self.writer.tensor(self.writer.tensors[index].shape, Type.FLOAT32)
        wide = self.writer.tensors[index].type == Type.FLOAT16
        self.writer.operator(Op.DEQUANTIZE, (index,), (target,), version=3 if wide else 5)
        return target

    def packed(self, weight: WeightQ, layout: Callable[[torch.Tensor], torch.Tensor], axis: int, name: str) -> int:
        q = layout(weight.q).contiguous().numpy()
        scales = tuple(weight.scale.tolist())
        quant = Quant(scales, (0,) * len(scales), axis if len(scales) > 1 else 0)
        if weight.bits > 4:
            return self.integers_of(q, Type.INT8, quant, name)
        width, kind = (2, Type.INT2) if weight.bits == 2 else (4, Type.INT4)
        return self.writer.constant(pack(q, width), q.shape, kind, quant, name)

    def bias(self, step: Step, integer: bool) -> int:
        layer = self.reference.captured.network.layer(step.layer)
        value = torch.zeros(layer.weight.shape[0]) if layer.bias is None else layer.bias.detach()
        if not integer:
            return self.float_constant(value, f"{step.layer}.bias")
        p: QParams = self.reference.activations[self.source_name(step.inputs[0])]
        weight = self.reference.weights[step.layer]
        wide = p.bits > 8
        q = quantize_bias(value, p.scale, weight.scale, 64 if wide else 32)
        scales = tuple(bias_scale(p.scale, weight.scale).tolist())
        return self.integers_of(
            q.numpy(), Type.INT64 if wide else Type.INT32, Quant(scales, (0,) * len(scales)), f"{step.layer}.bias"
        )

    # Layout

    def merge_pad(self, step: Step) -> bool:
        """A padding that only one convolution reads, and that makes it a SAME convolution, becomes part of it."""
        program = self.reference.captured.program
        users = program.users(step.name)
        if step.kind != "pad" or len(users) != 1 or users[0].kind != "conv2d" or step.name == program.output:
            return False
        size = program.shape(step.inputs[0])[1:]
        windows = conv_windows(self.conv(users[0]), (size[0], size[1]), step.attrs["padding"])
        if not all(w.is_same() for w in windows):
            return False
        self.padded[step.name] = (step.inputs[0], step.attrs["padding"])
        return True

    def conv(self, step: Step) -> nn.Conv2d:
        layer = self.reference.captured.network.layer(step.layer)
        assert isinstance(layer, nn.Conv2d)
        return layer

    def note_flattening(self, step: Step) -> None:
        before, after = self.reference.captured.program.shape(step.inputs[0]), step.shape
        if len(before) == 3 and len(after) == 1 and before[0] > 1 and before[1] * before[2] > 1:
            readers = self.reference.captured.program.users(step.name)
            if any(r.kind != "linear" for r in readers):
                raise Unsupported(
                    f"A flattened image is read by {readers[0].kind}, not by a linear layer; its order would change."
                )
            self.flattened[step.name] = before
        elif len(before) == 3 and len(after) == 3 and before != after:
            raise Unsupported(f"A reshape of an image from {before} to {after} needs a layout that NHWC has not.")


def nhwc(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, shape[1], shape[2], shape[0]) if len(shape) == 3 else (1, *shape)


def pack(q: np.ndarray[Any, Any], bits: int) -> bytes:
    """Two's complement in 2 or 4 bits, the first value in the lowest ones, as LiteRT's small tensors are stored."""
    per_byte = 8 // bits
    flat = q.astype(np.int8).reshape(-1)
    flat = np.concatenate([flat, np.zeros(-len(flat) % per_byte, np.int8)]).view(np.uint8) & (2**bits - 1)
    shifted = flat.reshape(-1, per_byte) << (bits * np.arange(per_byte, dtype=np.uint8))
    return bytes(np.bitwise_or.reduce(shifted, axis=1).astype(np.uint8).tobytes())


def _check_kernel(e: Emitter, step: Step, depthwise: bool) -> None:
    """What LiteRT 2.3 lacks among convolutions: it refuses 2-bit weights, and misreads 4-bit depthwise ones at int16."""
    weight = e.reference.weights.get(step.layer)
    if weight is None:
        return
    if weight.bits == 2:
        raise Unsupported(
            f"LiteRT has 2-bit weights in linear layers only, and {step.layer} is a convolution. Give convolutions 4 or 8 bits."
        )
    if depthwise and weight.bits <= 4 and e.reference.activations[step.name].bits > 8:
        raise Unsupported(
            f"LiteRT computes depthwise convolutions of 4-bit weights and 16-bit activations wrongly ({step.layer})."
            " Give depthwise layers 8 bits."
        )


def _conv2d(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    conv, source = e.conv(step), step.inputs[0]
    size = e.reference.captured.program.shape(e.source_name(source))[1:]
    extra = e.padded[source][1] if source in e.padded else (0, 0, 0, 0)
    windows = conv_windows(conv, (size[0], size[1]), extra)
    x, padding = _padding(e, step, inputs[0], windows, integer)
    bias = e.bias(step, integer)
    depthwise = conv.groups > 1 and conv.groups == conv.in_channels
    if integer:
        _check_kernel(e, step, depthwise)
    if depthwise:
        weight = e.weight(step, lambda w: w.permute(1, 2, 3, 0), 3)
        options = schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = conv.out_channels // conv.in_channels
        code, kind = Op.DEPTHWISE_CONV_2D, Options.DepthwiseConv2DOptions
    else:
        weight = e.weight(step, lambda w: w.permute(0, 2, 3, 1), 0)
        options, code, kind = schema.Conv2DOptionsT(), Op.CONV_2D, Options.Conv2DOptions
    options.padding = padding
    options.strideH, options.strideW = conv.stride
    options.dilationHFactor, options.dilationWFactor = conv.dilation
    options.fusedActivationFunction = FUSED[step.activation]
    e.op(code, step, (x, weight, bias), output, integer, kind, options)


def _padding(e: Emitter, step: Step, x: int, windows: list[Window], integer: bool) -> tuple[int, int]:
    """(input, SAME or VALID); pads by an operator of its own where neither is what torch does."""
    if all(w.is_valid() for w in windows):
        return x, schema.Padding.VALID
    if all(w.is_same() for w in windows):
        return x, schema.Padding.SAME
    high, wide = windows
    return _pad_operator(e, step, x, (wide.before, wide.after, high.before, high.after), integer), schema.Padding.VALID


def _pad_operator(
    e: Emitter, step: Step, x: int, padding: tuple[int, int, int, int], integer: bool, output: int | None = None
) -> int:
    left, right, top, bottom = padding
    source = e.writer.tensors[x]
    _, h, w, c = source.shape
    if output is None:
        output = e.writer.tensor(
            (1, h + top + bottom, w + left + right, c), source.type, source.quant, f"{step.name}.pad"
        )
    amounts = e.integers_of(np.array([[0, 0], [top, bottom], [left, right], [0, 0]]), Type.INT32)
    e.op(Op.PAD, step, (x, amounts), output, integer, Options.PadOptions, schema.PadOptionsT())
    return output


def _linear(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    shape = e.flattened.get(step.inputs[0])

    def columns(weight: torch.Tensor) -> torch.Tensor:
        """From the C,H,W order of torch's flatten to the H,W,C order of this file's."""
        return weight if shape is None else weight.view(-1, *shape).permute(0, 2, 3, 1).reshape(weight.shape)

    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = FUSED[step.activation]
    weight, bias = e.weight(step, columns, 0), e.bias(step, integer)
    e.op(Op.FULLY_CONNECTED, step, (inputs[0], weight, bias), output, integer, Options.FullyConnectedOptions, options)


def _binary(code: int, kind: int, make: Callable[[], Any]) -> Callable[[Emitter, Step, list[int], int, bool], None]:
    def emit(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
        options = make()
        options.fusedActivationFunction = FUSED[step.activation]
        if hasattr(options, "potScaleInt16"):
            options.potScaleInt16 = False  # else scales that happen to be powers of two take a narrower kernel
        e.op(code, step, tuple(inputs), output, integer, kind, options)

    return emit


def _mean(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    options = schema.ReducerOptionsT()
    options.keepDims = bool(step.attrs["keepdim"])
    axes = e.integers_of(np.array([1, 2]), Type.INT32)
    e.op(Op.MEAN, step, (inputs[0], axes), output, integer, Options.ReducerOptions, options)


def _pool(code: int) -> Callable[[Emitter, Step, list[int], int, bool], None]:
    def emit(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
        (kh, kw), (sh, sw), (ph, pw) = (step.attrs[k] for k in ("kernel", "stride", "padding"))
        _, h, w, _ = e.writer.tensors[inputs[0]].shape
        windows = [Window(h, kh, sh, ph, ph), Window(w, kw, sw, pw, pw)]
        if all(x.is_valid() for x in windows):
            padding = schema.Padding.VALID
        elif all(x.is_same() for x in windows):
            padding = schema.Padding.SAME
        else:
            raise Unsupported(
                f"{step.kind} {kh}x{kw} with padding {ph},{pw} is neither SAME nor VALID, which LiteRT has."
            )
        options = schema.Pool2DOptionsT()
        options.padding, options.strideH, options.strideW = padding, sh, sw
        options.filterHeight, options.filterWidth = kh, kw
        e.op(code, step, (inputs[0],), output, integer, Options.Pool2DOptions, options)

    return emit


def _reshape(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    shape = e.writer.tensors[output].shape
    target = e.integers_of(np.array(shape), Type.INT32)
    options = schema.ReshapeOptionsT()
    e.op(Op.RESHAPE, step, (inputs[0], target), output, integer, Options.ReshapeOptions, options)


def _pad(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    _pad_operator(e, step, inputs[0], step.attrs["padding"], integer, output)


def _cat(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    options = schema.ConcatenationOptionsT()
    options.axis = len(nhwc(step.shape)) - 1
    e.op(Op.CONCATENATION, step, tuple(inputs), output, integer, Options.ConcatenationOptions, options)


def _softmax(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    e.op(Op.SOFTMAX, step, tuple(inputs), output, integer, Options.SoftmaxOptions, options)


def _unary(code: int) -> Callable[[Emitter, Step, list[int], int, bool], None]:
    return lambda e, step, inputs, output, integer: e.op(code, step, tuple(inputs), output, integer)


EMIT: dict[str, Callable[[Emitter, Step, list[int], int, bool], None]] = {
    "add": _binary(Op.ADD, Options.AddOptions, schema.AddOptionsT),
    "avg_pool2d": _pool(Op.AVERAGE_POOL_2D),
    "cat": _cat,
    "conv2d": _conv2d,
    "linear": _linear,
    "max_pool2d": _pool(Op.MAX_POOL_2D),
    "mean": _mean,
    "mul": _binary(Op.MUL, Options.MulOptions, schema.MulOptionsT),
    "pad": _pad,
    "relu": _unary(Op.RELU),
    "relu6": _unary(Op.RELU6),
    "reshape": _reshape,
    "sigmoid": _unary(Op.LOGISTIC),
    "softmax": _softmax,
}
