"""One random node of each operator; some are nonsense on purpose, which ONNX Runtime refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from .drawing import Drawing


def _window(d: Drawing, size: list[int], pool: bool) -> dict[str, Any]:
    mode = d.any("NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
    pads = [d.int(0, min(2, k - 1 if pool else 2)) for k in size * 2]
    return {
        "strides": d.maybe(d.ints(1, 3), 0.7),
        "auto_pad": mode if mode != "NOTSET" or d.chance() else None,
        "pads": d.maybe(pads, 0.8) if mode == "NOTSET" else None,
    }


def _conv(d: Drawing) -> None:
    channels = d.shape[1]
    group = d.any(1, 1, channels)
    size = d.ints(1, 4)
    out = group * d.int(1, 3)
    weight = d.const(d.floats(out, channels // group, *size))
    bias = [d.const(d.floats(out))] if d.chance() else []
    ways = _window(d, size, pool=False)
    d.add("Conv", "$", weight, *bias, group=d.maybe(group, 0.3) if group == 1 else group,
          dilations=d.maybe(d.ints(1, 2)), kernel_shape=d.maybe(size), **ways)  # fmt: skip


def _conv_transpose(d: Drawing) -> None:
    channels, size = d.shape[1], d.ints(1, 4)
    group = d.any(1, 1, channels)
    weight = d.const(d.floats(channels, d.int(1, 3), *size))
    strides = d.ints(1, 3)
    mode = d.any("NOTSET", "NOTSET", "NOTSET", "NOTSET", "VALID", "SAME_UPPER")
    pads = d.ints(0, 1, 4) if d.chance() else [*(2 * d.ints(0, 1))]
    d.add("ConvTranspose", "$", weight, group=group, strides=strides,
          output_padding=d.maybe([d.int(0, s - 1) for s in strides], 0.3), auto_pad=mode,
          pads=pads if mode == "NOTSET" else None, dilations=d.maybe(d.ints(1, 2), 0.2),
          output_shape=d.maybe([9, 9], 0.05))  # fmt: skip


def _pool(kind: str) -> Callable[[Drawing], None]:
    def draw(d: Drawing) -> None:
        size = d.ints(1, 4)
        dilated = kind == "MaxPool" or d.opset >= 19
        d.add(kind, kernel_shape=size, **_window(d, size, pool=True),
              ceil_mode=d.maybe(d.int(0, 1)) if d.opset >= 10 else None,
              dilations=d.maybe(d.ints(1, 2), 0.2) if dilated and d.opset >= 10 else None,
              count_include_pad=d.maybe(1) if kind == "AveragePool" else None)  # fmt: skip

    return draw


def _norm(d: Drawing) -> None:
    c = d.shape[1]
    values = [d.floats(c), d.floats(c), d.floats(c), np.abs(d.floats(c)) + 0.1]
    d.add("BatchNormalization", "$", *(d.const(v) for v in values), epsilon=d.maybe(d.any(1e-5, 1e-2, 0.5)),
          momentum=d.maybe(0.5), training_mode=d.maybe(1, 0.05) if d.opset >= 14 else None)  # fmt: skip


def _prelu(d: Drawing) -> None:
    c, *rest = d.shape[1:]
    shape = d.any((c, *[1] * len(rest)), (1,), (), tuple(d.shape[-1:]), tuple(d.shape[1:]), (1, c, *[1] * len(rest)))
    d.add("PRelu", "$", d.const(d.floats(*shape)))


def _layer_norm(d: Drawing) -> None:
    if d.opset < 17:
        return _norm(d)
    axis = d.int(1 - d.rank, d.rank - 1) or -1
    shape = d.shape[axis % d.rank :]
    bias = [d.const(d.floats(*shape))] if d.chance() else []
    d.add("LayerNormalization", "$", d.const(d.floats(*shape)), *bias, axis=d.maybe(axis, 0.7) if axis != -1 else -1,
          epsilon=d.maybe(0.01), stash_type=d.maybe(1, 0.2))  # fmt: skip
    return None


def _activation(d: Drawing) -> None:
    kind = d.any("Relu", "LeakyRelu", "Elu", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh", "Gelu", "Identity")
    if (kind, d.opset) < ("Gelu", 20) or kind != "Gelu":
        kind = kind if kind != "HardSwish" or d.opset >= 14 else "Relu"
    if kind == "Gelu" and d.opset < 20:
        kind = "Elu"
    alpha = {"LeakyRelu": 0.2, "Elu": 0.7, "HardSigmoid": d.any(0.25, 1 / 6, 0.1667)}.get(kind)
    d.add(kind, alpha=d.maybe(alpha), beta=d.maybe(0.4) if kind == "HardSigmoid" else None,
          approximate=d.maybe("tanh") if kind == "Gelu" else None)  # fmt: skip


def _clip(d: Drawing) -> None:
    low, high = d.any((0.0, 6.0), (-1.0, 1.0), (0.0, 1.0), (None, 1.0), (0.0, None), (-0.5, None), (None, None))
    if d.opset < 11:
        return d.add("Clip", min=low, max=high)
    names = ["" if v is None else d.const(v, np.float32) for v in (low, high)]
    return d.add("Clip", "$", *(names if names[1] or d.chance() else names[:1]))


def _binary(d: Drawing) -> None:
    kind = d.any("Add", "Sub", "Mul", "Div", "Sum", "Mul", "Add")
    shapes = [(), (1,), tuple(d.shape[-1:]), (1, d.shape[1], *[1] * (d.rank - 2)), tuple(d.shape[1:]), (1, 1, 1, 1, 1)]
    shapes += [(d.shape[1], *[1] * (d.rank - 2)), ()]
    value = d.floats(*shapes[d.int(0, len(shapes) - 1)])
    value = np.where(np.abs(value) < 0.2, np.float32(0.5), value)
    other = d.any(d.const(value), "$") if d.chance(0.9) else d.const(value)
    if kind == "Div":
        return d.add("Div", "$", other)
    if kind == "Sum":
        return d.add("Sum", *d.any(["$"], ["$", other], ["$", other, "$"]))
    return d.add(kind, *d.any(["$", other], [other, "$"]))


def _pad(d: Drawing) -> None:
    mode = d.any("constant", "constant", "reflect", "edge", *(["wrap"] if d.opset >= 19 else []))
    amounts = [0] * (2 * d.rank)
    for axis in range(d.int(0, 1) if d.chance(0.1) else 2, d.rank):
        amounts[axis], amounts[axis + d.rank] = d.ints(-1 if d.chance(0.1) else 0, 2)
    value = d.maybe(d.any(0.0, 1.5))
    if d.opset < 11:
        return d.add("Pad", mode=d.maybe(mode) if mode == "constant" else mode, pads=amounts, value=value)
    inputs = [d.const(amounts, np.int64)]
    if value is not None:
        inputs.append(d.const(value, np.float32))
    if d.opset >= 18 and d.chance(0.3):
        axes = d.any([2, 3], [-1, -2], [3]) if d.rank == 4 else [1]
        inputs = [d.const(d.ints(0, 1, 2 * len(axes)), np.int64), *(inputs[1:] or [""]), d.const(axes, np.int64)]
    return d.add("Pad", "$", *inputs, mode=mode)


def _mean(d: Drawing) -> None:
    axes = d.any([2, 3], [-1, -2], [1], [3], [1, 2, 3], [-1], None) if d.rank == 4 else d.any([1], [-1], None)
    keep = d.maybe(d.int(0, 1), 0.7)
    noop = d.maybe(1, 0.3) if d.opset >= 18 else None
    if d.opset < 18 or axes is None:
        return d.add("ReduceMean", axes=axes, keepdims=keep, noop_with_empty_axes=noop)
    return d.add("ReduceMean", "$", d.const(axes, np.int64), keepdims=keep, noop_with_empty_axes=noop)


def _reshape(d: Drawing) -> None:
    n, *rest = d.shape
    size = int(np.prod(rest))
    shapes = [[n, -1], [0, -1], [-1, size], [0, 0, -1], [-1, *rest], [0, *rest[::-1]], [-1], [1, -1], [n, 1, size]]
    if rest[0] % 2 == 0:
        shapes.append([0, 2, rest[0] // 2, -1])
    allow = d.maybe(d.int(0, 1), 0.2) if d.opset >= 14 else None
    d.add("Reshape", "$", d.const(d.any(*shapes), np.int64), allowzero=allow)


def _sized_reshape(d: Drawing) -> None:
    """x.view(x.size(0), -1), by one of the ways in which exporters write it."""
    image = d.name
    d.add("Shape", start=d.maybe(0) if d.opset >= 15 else None)
    if d.chance():
        d.add("Gather", "$", d.const(d.any(0, [0]), np.int64), axis=d.maybe(0))
        scalar = not d.stored or True
        d.add("Reshape", "$", d.const([1] if scalar else [-1], np.int64))
    elif d.opset >= 10:
        d.add("Slice", "$", d.const([0], np.int64), d.const([1], np.int64))
    else:
        d.add("Slice", starts=[0], ends=[1])
    if d.chance():
        two = d.const([2], np.int64)
        d.add("Mul", "$", two)
        d.add("Div", "$", two)
    d.add("Concat", "$", d.const([-1], np.int64), axis=0)
    if d.chance(0.3):
        d.add("Cast", to=TensorProto.INT64)
    shape, d.name = d.name, image
    d.add("Reshape", "$", shape)


def _axes(d: Drawing, kind: str, axes: list[int] | None) -> None:
    if d.opset < 13 or axes is None:
        return d.add(kind, axes=axes)
    return d.add(kind, "$", d.const(axes, np.int64))


def _squeeze(d: Drawing) -> None:
    ones = [i for i, s in enumerate(d.shape) if s == 1 and i]
    if not ones:
        return _axes(d, "Unsqueeze", d.any([1], [-1], [0], [2, 1], [d.rank]))
    return _axes(d, "Squeeze", d.any(ones, [ones[0]], [ones[-1] - d.rank], None))


def _slice(d: Drawing) -> None:
    axes = sorted({d.int(1 if d.chance(0.95) else 0, d.rank - 1) for _ in range(2)})
    starts = [d.any(0, 0, 1, -2, -100) for _ in axes]
    ends = [d.any(2**63 - 1, 2**31 - 1, -1, 3, 100, *([-(2**63)] if d.chance(0.1) else [])) for _ in axes]
    if d.opset < 10:
        return d.add("Slice", axes=axes, starts=starts, ends=ends)
    inputs = [d.const(v, np.int64) for v in (starts, ends, [d.any(a, a - d.rank) for a in axes])]
    if d.chance(0.4):
        inputs.append(d.const([d.any(1, 2, *([-1] if d.chance(0.2) else [])) for _ in axes], np.int64))
    return d.add("Slice", "$", *inputs)


def _gather(d: Drawing) -> None:
    axis = d.int(1, d.rank - 1)
    size = d.shape[axis]
    places = d.any(d.int(-size, size - 1), [d.int(-size, size - 1) for _ in range(3)], [[0], [size - 1]])
    d.add("Gather", "$", d.const(places, np.int64), axis=d.any(axis, axis - d.rank))


def _split(d: Drawing) -> None:
    axis = d.int(1, d.rank - 1)
    size, count = d.shape[axis], d.int(1, 3)
    axis = axis - d.rank if d.chance(0.3) and d.opset >= 11 else axis
    if d.chance() and size > count:
        sizes = [1] * (count - 1) + [size - count + 1]
        if d.opset < 13:
            return d.add("Split", results=count, axis=axis, split=sizes)
        return d.add("Split", "$", d.const(sizes, np.int64), results=count, axis=axis)
    return d.add("Split", results=count, axis=axis, num_outputs=count if d.opset >= 18 else None)


def _concat(d: Drawing) -> None:
    axis = d.int(1, d.rank - 1)
    other = d.const(d.floats(*d.shape)) if d.chance(0.2) else "$"
    d.add("Concat", *d.any(["$", other], [other, "$", "$"], ["$"]), axis=d.any(axis, axis - d.rank))


def _resize(d: Drawing) -> None:
    if d.rank != 4:
        return _activation(d)
    scales = [1.0, 1.0, d.any(1.0, 2.0, 2.0, 3.0, 1.5, 0.5, 0.6), d.any(1.0, 2.0, 2.0, 1.3, 0.5)]
    mode = d.any("nearest", "linear", "nearest", "linear", "cubic")
    if d.opset < 11:
        kind = "Resize" if d.opset == 10 else "Upsample"
        mode = d.any("nearest", "linear")
        if d.opset < 9:
            return d.add(kind, scales=scales, mode=mode)
        return d.add(kind, "$", d.const(scales, np.float32), mode=mode)
    at = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]
    at += ["half_pixel_symmetric"] if d.opset >= 19 else []
    ways = {
        "mode": mode,
        "coordinate_transformation_mode": d.maybe(d.any(*at), 0.8),
        "nearest_mode": d.maybe(d.any("floor", "floor", "ceil", "round_prefer_floor", "round_prefer_ceil"), 0.8),
        "antialias": d.maybe(1, 0.2) if d.opset >= 18 else None,
        "exclude_outside": d.maybe(1, 0.1) if mode == "cubic" else None,
        "cubic_coeff_a": d.maybe(-0.5, 0.1),
    }
    empty = "" if d.opset >= 13 else d.const([], np.float32)
    if d.opset >= 18 and d.chance(0.2):
        return d.add("Resize", "$", "", d.const(scales[2:], np.float32), axes=[2, 3], **ways)
    if d.chance(0.4):
        sizes = [*d.shape[:2], d.int(1, 12), d.shape[3] * 2]
        policy = d.maybe("not_larger", 0.1) if d.opset >= 18 else None
        return d.add("Resize", "$", empty, empty, d.const(sizes, np.int64), keep_aspect_ratio_policy=policy, **ways)
    return d.add("Resize", "$", empty, d.const(scales, np.float32), **ways)


def _dense(d: Drawing) -> None:
    if d.rank != 2 and d.chance(0.3):
        return d.add("MatMul", "$", d.const(d.floats(d.shape[-1], d.int(1, 5))))
    if d.rank != 2:
        return d.add("Flatten", axis=d.maybe(d.any(1, 1, 2, -1, -3) if d.opset >= 11 else d.any(1, 2)))
    if d.chance(0.3):
        return d.add("MatMul", "$", d.const(d.floats(d.shape[1], d.int(1, 5))))
    out, turned = d.int(1, 5), d.chance()
    matrix = d.const(d.floats(*((out, d.shape[1]) if turned else (d.shape[1], out))))
    bias = [d.const(d.floats(*d.any((out,), (1, out), (1,), ())))] if d.opset < 11 or d.chance() else []
    return d.add("Gemm", "$", matrix, *bias, transB=int(turned), alpha=d.maybe(0.5), beta=d.maybe(2.0))


def _softmax(d: Drawing) -> None:
    axis = d.int(1, d.rank - 1)
    d.add("Softmax", axis=d.maybe(d.any(axis, axis - d.rank), 0.8))


def _transpose(d: Drawing) -> None:
    order = [0, *(1 + int(i) for i in d.rng.permutation(d.rank - 1))]
    d.add("Transpose", perm=d.maybe(order, 0.95))


def _dropout(d: Drawing) -> None:
    if d.opset < 12:
        return d.add("Dropout", ratio=d.maybe(0.3))
    ratio = d.const(0.3, np.float32)
    training = [d.const(d.chance(0.1), np.bool_)] if d.chance() else []
    return d.add("Dropout", *d.any(["$"], ["$", ratio, *training]), seed=d.maybe(1, 0.2))


def _cast(d: Drawing) -> None:
    back = d.chance()
    d.add("Cast", to=d.any(TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64, TensorProto.UINT8))
    if back:
        d.add("Cast", to=TensorProto.FLOAT)


def _global(d: Drawing) -> None:
    d.add(d.any("GlobalAveragePool", "GlobalMaxPool"))


DRAWS: list[tuple[Callable[[Drawing], None], bool]] = [  # and whether it needs an image (N, C, H, W)
    *([(_conv, True)] * 3),
    (_conv_transpose, True),
    *([(_pool("MaxPool"), True), (_pool("AveragePool"), True)] * 2),
    (_norm, True),
    (_prelu, False),
    (_layer_norm, False),
    *([(_activation, False)] * 2),
    (_clip, False),
    *([(_binary, False)] * 2),
    *((draw, False) for draw in (_pad, _mean, _reshape, _sized_reshape, _squeeze, _slice, _gather, _split, _concat)),
    *([(_resize, True)] * 2),
    *((draw, False) for draw in (_dense, _dense, _softmax, _transpose, _dropout)),
    (_cast, False),
    (_global, True),
]
