"""One function for each row of the op table: the TensorFlow Lite operator that computes it.

Weights are laid out as the kernels want them: convolution O,H,W,I; depthwise 1,H,W,O; fully connected O,I.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema

from ....core.errors import Unsupported
from ....graph.program import Step
from ..layout import FUSED, Op, Options, Type, nhwc
from .emitter import Emitter
from .pads import LOWEST, pad, pad_by
from .pointwise import emit_product, is_product
from .values import MORE, between
from .windows import Window, conv_windows, pool_windows

Emit = Callable[[Emitter, Step, list[int], int, bool], None]


def _check_kernel(e: Emitter, step: Step, depthwise: bool) -> None:
    """What LiteRT 2.3 lacks: convolutions of 2-bit weights are refused, 4-bit depthwise ones at int16 misread."""
    weight = e.reference.weights.get(step.layer)
    if weight is None:
        return
    if weight.bits == 2:
        raise Unsupported(
            f"LiteRT has 2-bit weights in linear layers only, and {step.layer} is a convolution."
            " Give convolutions 4 or 8 bits."
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
    if is_product(e, step, conv, windows, integer):
        emit_product(e, step, inputs[0], output)
        return
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


def _pad_operator(e: Emitter, step: Step, x: int, padding: tuple[int, int, int, int], integer: bool) -> int:
    left, right, top, bottom = padding
    source = e.writer.tensors[x]
    _, h, w, c = source.shape
    output = e.writer.tensor((1, h + top + bottom, w + left + right, c), source.type, source.quant, f"{step.name}.pad")
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


def _binary(code: int, kind: int, make: Callable[[], Any]) -> Emit:
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


def _pool(code: int) -> Emit:
    def emit(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
        (kh, kw), (sh, sw) = (step.attrs[k] for k in ("kernel", "stride"))
        windows, x = pool_windows(step, e.writer.tensors[inputs[0]].shape[1:3]), inputs[0]
        if all(w.is_same() for w in windows):
            padding = schema.Padding.SAME
        elif all(w.is_valid() for w in windows):
            padding = schema.Padding.VALID
        elif code == Op.MAX_POOL_2D:
            x, padding = _padded_below(e, step, x, windows, integer), schema.Padding.VALID
        else:
            raise Unsupported(
                f"{step.kind} {kh}x{kw} with padding {step.attrs['padding']} (layer {step.layer or step.name!r}) is"
                " neither SAME nor VALID, which LiteRT has. Pad the image before it, or count the padding."
            )
        options = schema.Pool2DOptionsT()
        options.padding, options.strideH, options.strideW = padding, sh, sw
        options.filterHeight, options.filterWidth = kh, kw
        e.op(code, step, (x,), output, integer, Options.Pool2DOptions, options)

    return emit


def _padded_below(e: Emitter, step: Step, x: int, windows: list[Window], integer: bool) -> int:
    """The image with a border that no maximum is taken from: the grid's lowest integer, or float32's lowest number."""
    high, wide = windows
    sides = (wide.before, max(wide.after, 0), high.before, max(high.after, 0))
    _, h, w, c = e.writer.tensors[x].shape
    shape = (1, h + sides[2] + sides[3], w + sides[0] + sides[1], c)
    output = between(e, x, shape, f"{step.name}.pad")
    lowest = 0
    if integer:
        p = e.reference.activations[step.name]
        lowest = p.low - p.zero_point
    pad_by(e, step, x, output, integer, sides, LOWEST, lowest)
    return output


def _reshape(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    shape = e.writer.tensors[output].shape
    target = e.integers_of(np.array(shape), Type.INT32)
    options = schema.ReshapeOptionsT()
    e.op(Op.RESHAPE, step, (inputs[0], target), output, integer, Options.ReshapeOptions, options)


def _cat(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    options = schema.ConcatenationOptionsT()
    options.axis = len(nhwc(step.shape)) - 1
    e.op(Op.CONCATENATION, step, tuple(inputs), output, integer, Options.ConcatenationOptions, options)


def _softmax(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    e.op(Op.SOFTMAX, step, tuple(inputs), output, integer, Options.SoftmaxOptions, options)


def _unary(code: int) -> Emit:
    return lambda e, step, inputs, output, integer: e.op(code, step, tuple(inputs), output, integer)


EMIT: dict[str, Emit] = {
    "add": _binary(Op.ADD, Options.AddOptions, schema.AddOptionsT),
    "avg_pool2d": _pool(Op.AVERAGE_POOL_2D),
    "cat": _cat,
    "conv2d": _conv2d,
    "linear": _linear,
    "max_pool2d": _pool(Op.MAX_POOL_2D),
    "mean": _mean,
    "mul": _binary(Op.MUL, Options.MulOptions, schema.MulOptionsT),
    "relu": _unary(Op.RELU),
    "relu6": _unary(Op.RELU6),
    "reshape": _reshape,
    "sigmoid": _unary(Op.LOGISTIC),
    "softmax": _softmax,
    "sub": _binary(Op.SUB, Options.SubOptions, schema.SubOptionsT),
    "pad": pad,
    **MORE,
}
