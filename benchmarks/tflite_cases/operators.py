"""One random operator at a time: its options drawn from all that the schema lets them be, usual ones more often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .drawing import Drawing, Grid

Draw = Callable[[Drawing], None]


def _activation(d: Drawing) -> int:
    """None, RELU, RELU_N1_TO_1, RELU6, TANH."""
    return int(d.any(*(0, 1, 3) * 5, 2, 4))


def _window(d: Drawing) -> dict[str, Any]:
    return {"padding": d.any(0, 1), "strideH": d.any(1, 1, 2, 3), "strideW": d.any(1, 1, 2)}


def _dilation(d: Drawing) -> dict[str, Any]:
    return {"dilationHFactor": d.any(1, 1, 1, 2), "dilationWFactor": d.any(1, 1, 1, 2, 3)}


def conv(d: Drawing) -> None:
    channels, groups = d.shape[3], 1
    if channels % 2 == 0 and d.chance(0.3):
        groups = 2
    outputs = groups * d.int(1, 3)
    weight = d.weights(outputs, d.int(1, 3), d.int(1, 3), channels // groups)
    inputs: tuple[int, ...] = (d.at, weight)
    if d.integer or d.chance(0.7):
        inputs += (d.bias(outputs, weight),)
    elif d.chance():
        inputs += (-1,)
    options = {
        **_window(d),
        **_dilation(d),
        "fusedActivationFunction": _activation(d),
        "quantizedBiasType": d.any(*[0] * 9, 2, 4),
    }
    d.op("CONV_2D", inputs, d.activation(), "Conv2DOptions", **options)


def depthwise(d: Drawing) -> None:
    channels, multiplier = d.shape[3], d.int(1, 2)
    weight = d.weights(1, d.int(1, 3), d.int(1, 3), channels * multiplier)
    inputs = (d.at, weight, d.bias(channels * multiplier, weight))
    said = d.any(multiplier, multiplier, multiplier, multiplier, 0, 3)
    options = {**_window(d), **_dilation(d), "depthMultiplier": said, "fusedActivationFunction": _activation(d)}
    d.op("DEPTHWISE_CONV_2D", inputs, d.activation(), "DepthwiseConv2DOptions", **options)


def fully_connected(d: Drawing) -> None:
    """On a vector, on each pixel's channels, or on the image as a vector."""
    whole = d.chance() and len(d.shape) == 4
    size = d.shape[1] * d.shape[2] * d.shape[3] if whole else d.shape[-1]
    outputs = d.int(1, 4)
    weight = d.weights(outputs, size)
    inputs: tuple[int, ...] = (d.at, weight, d.bias(outputs, weight) if d.integer or d.chance(0.7) else -1)
    options = {
        "fusedActivationFunction": _activation(d),
        "keepNumDims": d.chance(0.7) and not whole,
        "asymmetricQuantizeInputs": d.chance(0.3),
        "weightsFormat": d.any(0, 0, 0, 0, 0, 0, 0, 1),
        "quantizedBiasType": d.any(*[0] * 9, 2),
    }
    d.op("FULLY_CONNECTED", inputs, d.activation(), "FullyConnectedOptions", **options)


def pool(name: str) -> Draw:
    def draw(d: Drawing) -> None:
        whole = d.chance(0.2)
        height, width = (d.shape[1], d.shape[2]) if whole else (d.int(1, 3), d.int(1, 3))
        options = {**_window(d), "filterHeight": height, "filterWidth": width}
        d.op(
            name,
            (d.at,),
            d.activation((), d.same()),
            "Pool2DOptions",
            fusedActivationFunction=_activation(d),
            **options,
        )

    return draw


def binary(name: str, options: str) -> Draw:
    """With itself, or with a relative of another shape that broadcasts."""

    def draw(d: Drawing) -> None:
        first = second = d.at
        way = d.any("self", "mean", "row", "vector", "constant") if len(d.shape) == 4 else "self"
        if way == "mean":
            d.op("MEAN", (first, d.ints([1, 2])), d.activation(), "ReducerOptions", keepDims=True)
            second = d.at
        elif way == "row":
            d.op("MEAN", (first, d.ints([3])), d.activation(), "ReducerOptions", keepDims=True)
            second = d.at
        elif way == "vector":
            d.op("MEAN", (first, d.ints([1, 2])), d.activation(), "ReducerOptions", keepDims=False)
            second = d.at
        elif way == "constant":
            second = d.weights(*d.any((d.shape[3],), (1, 1, 1, d.shape[3]), (1,)))
        if way == "self" and d.chance():
            d.op("LOGISTIC" if not d.integer else "RELU", (first,), d.activation(), "")
            second = d.at
        pair = (first, second) if d.chance(0.7) else (second, first)
        held: dict[str, Any] = {"fusedActivationFunction": _activation(d)}
        if name != "MUL":
            held["potScaleInt16"] = d.chance()
        d.op(name, pair, d.activation(), options, **held)

    return draw


def unary(name: str, options: str = "", grid: Grid | None = None, **fields: Callable[[Drawing], Any]) -> Draw:
    def draw(d: Drawing) -> None:
        d.op(name, (d.at,), d.activation((), grid), options, **{k: v(d) for k, v in fields.items()})

    return draw


def cat(d: Drawing) -> None:
    rank, first = len(d.shape), d.at
    grid = d.same()
    d.op(
        "MAX_POOL_2D",
        (d.at,),
        d.activation((), grid),
        "Pool2DOptions",
        strideH=1,
        strideW=1,
        filterHeight=1,
        filterWidth=1,
    ) if rank == 4 else d.op("RELU", (d.at,), d.activation((), grid))
    axis = d.any(*(rank - 1, -1) * 4, 1, 2, -2, 0)
    inputs = (first, d.at, first) if d.chance(0.3) else (d.at, first)
    d.op(
        "CONCATENATION",
        inputs,
        d.activation((), grid),
        "ConcatenationOptions",
        axis=axis,
        fusedActivationFunction=d.any(0, 0, 0, 0, 1),
    )


def mean(d: Drawing) -> None:
    axes = d.any(*([1, 2], [2, 1], [-3, -2], [3], [-1]) * 2, [1, 2, 2], [1], [1, 2, 3], [0], 1)
    d.op("MEAN", (d.at, d.ints(axes)), d.activation(), "ReducerOptions", keepDims=d.chance(0.6))


def softmax(d: Drawing) -> None:
    d.op(
        "SOFTMAX",
        (d.at,),
        d.activation((), Grid(1 / 256, -128)),
        "SoftmaxOptions",
        beta=d.any(*[1.0] * 6, 0.5, 2.0, 0.0),
    )


def reshape(d: Drawing) -> None:
    """By its operand, by its options, by both; with -1; to vectors and images; and the declared shape as it likes."""
    _, *sizes = d.shape
    total = 1
    for n in sizes:
        total *= n
    ways: list[list[int]] = [[1, total], [1, -1], [-1, total], [1, 1, 1, total], [1, *reversed(sizes)], [1, *sizes]]
    if len(sizes) == 3:
        ways += [[1, sizes[0], sizes[1] * sizes[2]], [1, sizes[1], sizes[0], sizes[2]], [1, sizes[0] * sizes[1], 1, -1]]
    to = d.any(*ways)
    where = d.any("operand", "operand", "both", "options", "unlike")
    held = {"newShape": to if where != "unlike" else d.any(*ways)} if where != "operand" else {}
    inputs = (d.at,) if where == "options" else (d.at, d.ints(to))
    d.op("RESHAPE", inputs, d.activation((), d.same()), "ReshapeOptions", **held)


def squeeze(d: Drawing) -> None:
    if len(d.shape) == 4 and d.chance(0.7):
        d.op("MEAN", (d.at, d.ints([1, 2])), d.activation(), "ReducerOptions", keepDims=True)
    dims = d.any([1, 2], [-3, -2], [], None, [1], [0], [2, 1])
    d.op("SQUEEZE", (d.at,), d.activation((), d.same()), "SqueezeOptions", squeezeDims=dims)


def _pads(d: Drawing) -> list[list[int]]:
    pads = [[0, 0], [d.int(0, 2), d.int(0, 2)], [d.int(0, 2), d.int(0, 2)], [0, 0]]
    if d.chance(0.1):
        pads[3] = [0, 1]
    return pads


def pad(d: Drawing) -> None:
    d.op("PAD", (d.at, d.ints(_pads(d))), d.activation((), d.same()), "PadOptions")


def pad_v2(d: Drawing) -> None:
    number = d.rng.normal(0, 1)
    if d.integer:
        value = d.tensor((1,), "int8", d.same(), bytes([d.int(0, 255)]))
    else:
        value = d.tensor((1,), "float32", None, np.float32(number).tobytes())
    d.op("PADV2", (d.at, d.ints(_pads(d)), value), d.activation((), d.same()), "PadV2Options")


def mirror_pad(d: Drawing) -> None:
    d.op(
        "MIRROR_PAD",
        (d.at, d.ints(_pads(d))),
        d.activation((), d.same()),
        "MirrorPadOptions",
        mode=d.any(0, 0, 0, 0, 1),
    )


def resize(name: str) -> Draw:
    def draw(d: Drawing) -> None:
        h, w = d.shape[1:3]
        size = d.any((2 * h, 2 * w), (3 * h, 2 * w), (d.int(1, 9), d.int(1, 9)), (h, w))
        corners, centres = d.any(
            *((False, "NEAREST" not in name), ("NEAREST" not in name, False)) * 3,
            (False, True),
            (True, False),
            (False, False),
            (True, True),
        )
        options = name.title().replace("_", "") + "Options"
        d.op(
            name,
            (d.at, d.ints(size)),
            d.activation((), d.same()),
            options,
            alignCorners=corners,
            halfPixelCenters=centres,
        )

    return draw


def slice_(d: Drawing) -> None:
    begin, size = [0], [d.any(1, 1, -1)]
    for n in d.shape[1:]:
        begin.append(d.int(0, n - 1))
        size.append(d.any(-1, d.int(1, n - begin[-1])))
    d.op("SLICE", (d.at, d.ints(begin), d.ints(size)), d.activation((), d.same()), "SliceOptions")


def strided_slice(d: Drawing) -> None:
    rank = len(d.shape)
    begin, end, step = [0], [1], [1]
    for n in d.shape[1:]:
        begin.append(d.any(0, 0, d.int(0, n - 1), -1))
        end.append(d.any(n, n, n + 2, d.int(0, n), -1))
        step.append(d.any(1, 1, 2, -1))
    bits = 2**rank
    masks = {
        "beginMask": d.any(0, 0, 0, 0, d.int(0, bits - 1)),
        "endMask": d.any(0, 0, 0, 0, d.int(0, bits - 1)),
        "ellipsisMask": d.any(0, 0, 0, 0, 0, 2),
        "newAxisMask": d.any(0, 0, 0, 0, 0, 2),
        "shrinkAxisMask": d.any(0, 0, 0, 0, 0, 2, 8),
        "offset": d.any(False, False, False, True),
    }
    if masks["offset"]:  # the end counts from the begin, and LiteRT reads past the tensor where that is beyond it
        begin, end, step = [0] * rank, list(d.shape), [1] * rank
    inputs = (d.at, d.ints(begin), d.ints(end), d.ints(step))
    d.op("STRIDED_SLICE", inputs, d.activation((), d.same()), "StridedSliceOptions", **masks)


def transpose(d: Drawing) -> None:
    if d.operators and d.chance(0.8):
        requantize(d)
        return
    order = d.any([0, 2, 3, 1], [0, 3, 1, 2], [0, 2, 1, 3], [0, 1, 2, 3]) if len(d.shape) == 4 else [0, 1]
    d.op("TRANSPOSE", (d.at, d.ints(order)), d.activation((), d.same()), "TransposeOptions")


def depth_to_space(d: Drawing) -> None:
    d.op("DEPTH_TO_SPACE", (d.at,), d.activation((), d.same()), "DepthToSpaceOptions", blockSize=d.any(1, 2, 2))


def requantize(d: Drawing) -> None:
    if d.integer:
        d.op("QUANTIZE", (d.at,), d.activation(), "QuantizeOptions")
    else:
        d.op("RELU6", (d.at,), d.activation())


DRAWS: list[tuple[Draw, bool]] = [  # and whether it works on images alone
    (conv, True),
    (conv, True),
    (depthwise, True),
    (fully_connected, False),
    (pool("AVERAGE_POOL_2D"), True),
    (pool("MAX_POOL_2D"), True),
    (binary("ADD", "AddOptions"), False),
    (binary("SUB", "SubOptions"), False),
    (binary("MUL", "MulOptions"), False),
    (cat, False),
    (mean, True),
    (softmax, False),
    (reshape, False),
    (squeeze, False),
    (pad, True),
    (pad_v2, True),
    (mirror_pad, True),
    (resize("RESIZE_BILINEAR"), True),
    (resize("RESIZE_NEAREST_NEIGHBOR"), True),
    (slice_, False),
    (strided_slice, False),
    (transpose, False),
    (requantize, False),
    (depth_to_space, True),
    (unary("ELU"), False),
    (unary("GELU", "GeluOptions", approximate=lambda d: d.chance()), False),
    (unary("HARD_SWISH", "HardSwishOptions"), False),
    (unary("LEAKY_RELU", "LeakyReluOptions", alpha=lambda d: d.any(0.1, 0.3, 0.0, -0.5, 1.5)), False),
    (unary("LOGISTIC", grid=Grid(1 / 256, -128)), False),
    (unary("RELU"), False),
    (unary("RELU6"), False),
    (unary("TANH", grid=Grid(1 / 128, 0)), False),
]
