"""Convolutions, linear layers and pools: operators with windows and weights.

Weights are laid out as the kernels want them: convolution O,H,W,I; depthwise 1,H,W,O; fully connected O,I.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from ai_edge_litert import schema_py_generated as schema
from torch import nn

from ....core.errors import Unsupported
from ....graph.ops.table import OPS
from ..layout import Op
from .emitter import Layout, Writing
from .pads import padded
from .windows import Window, conv_windows, pool_windows, sides

SMALL = 4  # bits
LOWEST = -3.4028234663852886e38  # of float32


def conv2d(w: Writing) -> None:
    e, step, source = w.emitter, w.step, w.step.inputs[0]
    conv = e.conv(step)
    size = e.reference.captured.program.shape(e.source_name(source))[1:]
    windows = conv_windows(conv, (size[0], size[1]), e.padded[source][1] if source in e.padded else (0, 0, 0, 0))
    if _is_product(w, conv, windows):
        _fully_connected(w, lambda q: q.flatten(1), schema.FullyConnectedOptionsT(keepNumDims=True))
        return
    x, fitting = w.inputs[0], _fitting(windows)
    if not fitting:
        x, fitting = padded(w, x, sides(windows)), [schema.Padding.VALID]
    bias, depthwise = e.bias(step, w.integer), conv.groups > 1 and conv.groups == conv.in_channels
    _check_kernel(w, depthwise)
    if depthwise:
        weight = e.weight(step, lambda q: q.permute(1, 2, 3, 0), 3)
        code, options = Op.DEPTHWISE_CONV_2D, schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = conv.out_channels // conv.in_channels
    else:
        weight = e.weight(step, lambda q: q.permute(0, 2, 3, 1), 0)
        code, options = Op.CONV_2D, schema.Conv2DOptionsT()
    options.padding, options.fusedActivationFunction = fitting[0], w.fused
    options.strideH, options.strideW = conv.stride
    options.dilationHFactor, options.dilationWFactor = conv.dilation
    w.op(code, (x, weight, bias), options)


def _is_product(w: Writing, conv: nn.Conv2d, windows: Sequence[Window]) -> bool:
    """Whether a 1x1 convolution of 4-bit weights is written as FULLY_CONNECTED, its weights as a matrix (O, I).

    Both are one product of matrices, pixels by channels. XNNPACK has no 4-bit convolution (LiteRT 2.3), so LiteRT runs
    those in its builtin kernels, three to four times slower and outside the delegate; a FULLY_CONNECTED of 4-bit
    weights XNNPACK does take, and with `keep_num_dims` its input and output stay images.
    """
    weight = w.emitter.reference.weights.get(w.step.layer)
    small = weight is not None and weight.bits == SMALL and w.integer and not w.wide
    plain = conv.kernel_size == conv.stride == (1, 1) and conv.groups == 1
    return small and plain and all(one.is_valid() for one in windows)


def _fitting(windows: Sequence[Window]) -> list[int]:
    """Of VALID and SAME, those that say what torch pads; none where it takes an operator of its own.

    A window without padding can be both. Convolutions then say the first and pools the last, as files whose checksums
    are published do.
    """
    valid, same = all(one.is_valid() for one in windows), all(one.is_same() for one in windows)
    return [schema.Padding.VALID] * valid + [schema.Padding.SAME] * same


def _check_kernel(w: Writing, depthwise: bool) -> None:
    """What LiteRT 2.3 lacks: convolutions of 2-bit weights are refused, 4-bit depthwise ones at int16 misread."""
    weight = w.emitter.reference.weights.get(w.step.layer) if w.integer else None
    if weight is not None and weight.bits == 2:
        raise Unsupported(
            f"LiteRT has 2-bit weights in linear layers only, and {w.step.layer} is a convolution."
            " Give convolutions 4 or 8 bits."
        )
    if weight is not None and depthwise and weight.bits <= SMALL and w.wide:
        raise Unsupported(
            f"LiteRT computes depthwise convolutions of 4-bit weights and 16-bit activations wrongly ({w.step.layer})."
            " Give depthwise layers 8 bits."
        )


def linear(w: Writing) -> None:
    shape = w.emitter.flattened.get(w.step.inputs[0])

    def columns(weight: torch.Tensor) -> torch.Tensor:
        """From the C,H,W order of torch's flatten to the H,W,C order of this file's."""
        return weight if shape is None else weight.view(-1, *shape).permute(0, 2, 3, 1).reshape(weight.shape)

    _fully_connected(w, columns, schema.FullyConnectedOptionsT())


def _fully_connected(w: Writing, layout: Layout, options: schema.FullyConnectedOptionsT) -> None:
    options.fusedActivationFunction = w.fused
    weight, bias = w.emitter.weight(w.step, layout, 0), w.emitter.bias(w.step, w.integer)
    w.op(Op.FULLY_CONNECTED, (w.inputs[0], weight, bias), options)


def pool(w: Writing) -> None:
    step, x = w.step, w.inputs[0]
    (kh, kw), (sh, sw) = (step.attrs[k] for k in ("kernel", "stride"))
    windows = pool_windows(step, w.shape(x)[1:3])
    fitting = _fitting(windows)
    if not fitting and step.kind == "max_pool2d":
        # a border that no maximum is taken from
        lowest = (LOWEST, w.grid.low - w.grid.zero_point if w.integer else 0)
        x, fitting = padded(w, x, sides(windows), lowest), [schema.Padding.VALID]
    if not fitting:
        raise Unsupported(
            f"{step.kind} {kh}x{kw} with padding {step.attrs['padding']} (layer {step.layer or step.name!r}) is"
            " neither SAME nor VALID, which LiteRT has. Pad the image before it, or count the padding."
        )
    options = schema.Pool2DOptionsT()
    options.padding, options.strideH, options.strideW = fitting[-1], sh, sw
    options.filterHeight, options.filterWidth = kh, kw
    w.op(getattr(Op, OPS[step.kind].tflite.operators[0].name), (x,), options)
