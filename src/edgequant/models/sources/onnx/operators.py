"""ONNX operators without weights, as torch computes them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .resize import resize
from .site import Compute, OnnxNode, Value
from .sizes import Sizes, sizes
from .windows import pooling

Operator = Callable[[OnnxNode], Compute]
FLOATS = {1: "float32", 10: "float16", 11: "float64"}  # of TensorProto; computed in float32, all of them
LARGEST = 3.4028234663852886e38  # Clip-6's way to say "no bound"

ANY_PLACE = ("Add", "Concat", "Div", "Mul", "Sub", "Sum")  # operators whose inputs may come from the image in any order


def _unary(run: Callable[[torch.Tensor], torch.Tensor]) -> Operator:
    return lambda site: lambda x, *_: run(x)


def _arithmetic(combine: Callable[[Any, Any], Any]) -> Operator:
    """Of one tensor or more, each of them from the image or stored."""

    def prepare(site: OnnxNode) -> Compute:
        def two(x: Value, y: Value) -> Value:
            return combine(_operand(site, x, y), _operand(site, y, x))

        return lambda *given: reduce(two, given)

    return prepare


def _operand(site: OnnxNode, value: Value, other: Value) -> Any:
    """A number where a stored constant is one and adds no dimension, so that no tensor of it is made."""
    if isinstance(value, torch.Tensor):
        return value
    array = site.numbers(value)
    plain = array.size == 1 and isinstance(other, torch.Tensor) and array.ndim <= other.dim()
    return float(array.reshape(-1)[0]) if plain else site.floats(array)


def _clip(site: OnnxNode) -> Compute:
    def run(x: torch.Tensor, low: Value = None, high: Value = None) -> torch.Tensor:
        ends = [site.get(n) if v is None else site.number(v) for n, v in (("min", low), ("max", high))]
        ends = [None if e is not None and abs(e) >= LARGEST else e for e in ends]
        if ends == [0.0, 6.0]:
            return F.relu6(x)
        if ends == [None, None]:
            return x
        return torch.relu(x) if ends == [0.0, None] else torch.clamp(x, *ends)

    return run


def _pad(site: OnnxNode) -> Compute:
    """`pads` are the amounts before each dimension, then those behind; of all dimensions, or of `axes`."""
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}

    def run(x: torch.Tensor, pads: Value = None, value: Value = None, axes: Value = None) -> torch.Tensor:
        amounts = site.get("pads") if pads is None else site.ints(pads)
        where = list(range(x.dim())) if axes is None else [a % x.dim() for a in site.ints(axes)]
        if amounts is None or len(amounts) != 2 * len(where):
            site.refuse(f"pads {len(where)} dimensions by {amounts}", "two amounts for each")
        sides = {a: (int(amounts[i]), int(amounts[i + len(where)])) for i, a in enumerate(where)}
        mode = modes.get(site.get("mode")) or site.refuse(f"pads by mode {site.get('mode')}", f"one of {list(modes)}")
        flat = [p for a in reversed(range(x.dim())) for p in sides.get(a, (0, 0))]
        while len(flat) > 2 and flat[-2:] == [0, 0] and (len(flat) > 4 or mode == "constant" or x.dim() != 4):
            flat = flat[:-2]
        if mode == "constant":
            return F.pad(x, flat, mode, (site.get("value") or 0.0) if value is None else site.number(value))
        if x.dim() != 4 or len(flat) != 4 or min(flat) < 0 or not _fits(x, flat, mode):
            site.refuse(f"pads by {amounts}, mode {site.get('mode')}", "less than an image around itself")
        return F.pad(x, flat, mode)

    return run


def _fits(x: torch.Tensor, flat: list[int], mode: str) -> bool:
    """Whether there are as many pixels to repeat as the mode wants."""
    most = [n if mode == "circular" else n - 1 for n in (x.shape[3], x.shape[3], x.shape[2], x.shape[2])]
    return mode == "replicate" or all(p <= m for p, m in zip(flat, most))


def _axes(site: OnnxNode, rank: int, axes: Value) -> list[int] | None:
    """An attribute in old versions, an input in new ones; without repeats."""
    given = site.get("axes") if axes is None else site.ints(axes)
    if given is None:
        return None
    found = [int(a) % rank for a in given if -rank <= a < rank]
    if len(set(found)) != len(given):
        site.refuse(f"has axes {list(given)} on {rank} dimensions", "each axis once")
    return found


def _reduce(site: OnnxNode) -> Compute:
    def run(x: torch.Tensor, axes: Value = None) -> torch.Tensor:
        dims = _axes(site, x.dim(), axes) or []
        if not dims and site.get("noop_with_empty_axes"):
            return x
        return x.mean(dims or list(range(x.dim())), keepdim=bool(site.get("keepdims")))

    return run


def _reshape(site: OnnxNode) -> Compute:
    def run(x: torch.Tensor, shape: Value) -> torch.Tensor:
        wanted = shape.parts() if isinstance(shape, Sizes) else site.ints(shape)
        zeros = [i for i, s in enumerate(wanted) if isinstance(s, int) and s == 0]
        if zeros and (site.get("allowzero") or zeros[-1] >= x.dim()):
            site.refuse(f"reshapes {x.dim()} dimensions to {wanted}, allowzero {site.get('allowzero')}", "no empty one")
        return _reshaped(site, x, [x.shape[i] if i in zeros else s for i, s in enumerate(wanted)])

    return run


def _reshaped(site: OnnxNode, x: torch.Tensor, wanted: list[Any]) -> torch.Tensor:
    """In a file for a fixed number of images, a reshape that keeps the first dimension keeps it for any number."""
    shapes = site.shapes
    if shapes.batch is None:
        if shapes.leads_with_images(x) and wanted and isinstance(wanted[0], int) and wanted[0] == 1:
            site.refuse(
                f"reshapes to {wanted}, one image, in a network for any number of them",
                "0 or -1 in front, or an input for 1 image",
            )
        return x.reshape(wanted)
    before, after = (shapes.known.get(name, ()) for name in (site.node.input[0], site.node.output[0]))
    if before[:1] == after[:1] != ():
        return x.reshape([x.shape[0], *after[1:]])
    return x.reshape(wanted)


def _flatten(site: OnnxNode) -> Compute:
    def run(x: torch.Tensor) -> torch.Tensor:
        axis = int(site.get("axis"))
        if not -x.dim() <= axis <= x.dim():
            site.refuse(f"flattens {x.dim()} dimensions from axis {axis}", "one of them")
        axis = axis + x.dim() if axis < 0 else axis
        if axis == 1 and x.dim() > 1:
            return x.flatten(1)
        return _reshaped(site, x, [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])])

    return run


def _squeeze(site: OnnxNode) -> Compute:
    def run(x: torch.Tensor, axes: Value = None) -> torch.Tensor:
        dims = _axes(site, x.dim(), axes)
        images = site.shapes.leads_with_images(x) and site.shapes.batch in (None, 1)
        if images and (dims is None or 0 in dims):
            site.refuse(
                "takes away the dimension of the images, if there is one of them", "the axes of other dimensions"
            )
        found = [i for i, s in enumerate(x.shape) if isinstance(s, int) and s == 1] if dims is None else dims
        if any(x.shape[i] != 1 for i in found):
            site.refuse(f"squeezes the axes {found} of {list(x.shape)}", "axes of one element")
        return x.squeeze(found)

    return run


def _unsqueeze(site: OnnxNode) -> Compute:
    def run(x: torch.Tensor, axes: Value = None) -> torch.Tensor:
        count = len(site.get("axes") or [] if axes is None else site.ints(axes))
        where = _axes(site, x.dim() + count, axes) or []
        for axis in sorted(where):
            x = x.unsqueeze(axis)
        return x

    return run


def _shape(site: OnnxNode) -> Compute:
    return lambda x: sizes(list(x.shape)[site.get("start") or 0 : site.get("end")])


def _gather(site: OnnxNode) -> Compute:
    """Stored places along an axis; one alone takes the axis away."""

    def run(x: torch.Tensor, where: Value) -> torch.Tensor:
        axis, rank = int(site.get("axis")) % x.dim(), np.ndim(where) if isinstance(where, np.ndarray) else 1
        size: Any = x.shape[axis]
        images = site.shapes.leads_with_images(x) and site.shapes.batch in (None, 1)
        if axis == 0 and (isinstance(size, torch.SymInt) or images):
            site.refuse("picks images", "an axis behind that of the images")
        places = site.ints(where)
        if any(not -size <= p < size for p in places):
            site.refuse(f"picks {places} of {size}", "places that there are")
        if rank == 0:
            return x.narrow(axis, places[0] % size, 1).squeeze(axis)
        found = x.index_select(axis, torch.tensor([p % size for p in places], device=x.device))
        return found if rank == 1 else found.reshape([*x.shape[:axis], *where.shape, *x.shape[axis + 1 :]])

    return run


def _concat(site: OnnxNode) -> Compute:
    return lambda *given: torch.cat([site.floats(g) for g in given], site.get("axis"))


def type_name(number: int) -> str:
    """As ONNX calls a type: uint8."""
    import onnx

    known = onnx.TensorProto.DataType.items()
    return next((str(name).lower() for name, value in known if value == number), f"the type number {number}")


def _cast(site: OnnxNode) -> Compute:
    """All floats are float32 here."""

    def run(x: torch.Tensor) -> torch.Tensor:
        if site.get("to") not in FLOATS:
            site.refuse(f"casts to {type_name(site.get('to'))}", f"one of {', '.join(FLOATS.values())}")
        return x

    return run


def _slice(site: OnnxNode) -> Compute:
    """Bounds that lie outside are brought inside, as Python's are."""

    def run(x: torch.Tensor, begin: Value = None, end: Value = None, axes: Value = None, steps: Value = None) -> Value:
        starts = site.get("starts") if begin is None else site.ints(begin)
        ends = site.get("ends") if end is None else site.ints(end)
        where = _axes(site, x.dim(), axes)
        dims = list(range(len(starts))) if where is None else where
        strides = [1] * len(dims) if steps is None else site.ints(steps)
        if min(strides, default=1) < 1 or not len(dims) == len(starts) == len(ends) == len(strides):
            site.refuse(f"slices from {starts} to {ends} by {strides}", "positive steps, as many as axes")
        for dim, a, b, step in zip(dims, starts, ends, strides):
            x = _part(site, x, dim, int(a), int(b), step)
        return x

    return run


def _part(site: OnnxNode, x: torch.Tensor, dim: int, start: int, end: int, step: int) -> torch.Tensor:
    size: Any = x.shape[dim]
    if isinstance(size, torch.SymInt):  # the number of images while it is captured
        return x if start == 0 and step == 1 and end > 2**16 else x[(slice(None),) * dim + (slice(start, end, step),)]
    first, last, _ = slice(start, end, step).indices(size)
    if first >= last:
        site.refuse(f"slices {size} elements from {start} to {end}, which leaves none", "a part of them")
    return torch.ops.aten.slice.Tensor(x, dim, first, last, step)  # type: ignore[no-any-return]


def _split(site: OnnxNode) -> Compute:
    """Without sizes, all alike; by `num_outputs` the last may be smaller."""

    def run(x: torch.Tensor, given: Value = None) -> tuple[torch.Tensor, ...]:
        axis, count = site.get("axis"), len(site.node.output)
        parts = site.get("split") if given is None else site.ints(given)
        size: Any = x.shape[axis]
        if isinstance(size, torch.SymInt):
            site.refuse("splits the images", "an axis behind theirs")
        if parts is None:
            most = -(-size // count)
            parts = [most] * (count - 1) + [size - most * (count - 1)]
            uneven = parts[-1] != most and site.get("num_outputs") is None
            if uneven or parts[-1] < 1 or site.get("num_outputs") not in (None, count):
                site.refuse(f"splits {size} elements into {count}", "parts of one size, or stated sizes")
        if parts is None or len(parts) != count or min(parts) < 1 or sum(parts) != size:
            site.refuse(f"splits {size} elements into {parts}", f"{count} sizes that make the whole")
        return torch.split(x, parts, axis)

    return run


def _softmax(site: OnnxNode) -> Compute:
    """Before opset 13 over all dimensions from `axis` on, together."""

    def run(x: torch.Tensor) -> torch.Tensor:
        axis = int(site.get("axis")) % x.dim()
        together = site.version < 13 and any(size != 1 for size in x.shape[axis + 1 :])
        return x.flatten(axis).softmax(axis).reshape(x.shape) if together else torch.softmax(x, axis)

    return run


def _hard_sigmoid(site: OnnxNode) -> Compute:
    """`clamp(alpha * x + beta, 0, 1)`; PyTorch has the one of alpha 1/6 and beta 0.5."""
    alpha, beta = float(site.get("alpha")), float(site.get("beta"))
    if abs(alpha - 1 / 6) < 1e-7 and beta == 0.5:
        return lambda x: F.hardsigmoid(x)
    return lambda x: torch.clamp(x * alpha + beta, 0.0, 1.0)


def _pixels(x: torch.Tensor) -> list[int]:
    return list(range(2, x.dim()))


def _gelu(site: OnnxNode) -> Compute:
    kind = site.get("approximate")
    if kind not in ("none", "tanh"):
        site.refuse(f"is approximated by {kind}", "none or tanh")
    return lambda x: F.gelu(x, approximate=kind)


OPERATORS: dict[str, Operator] = {
    "Add": _arithmetic(operator.add),
    "AveragePool": pooling("average"),
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Div": _arithmetic(operator.truediv),
    "Dropout": lambda site: lambda x, ratio=None, training=None: _dropout(site, x, training),
    "Elu": lambda site: lambda x: F.elu(x, site.get("alpha")),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gelu": _gelu,
    "GlobalAveragePool": _unary(lambda x: x.mean(_pixels(x), keepdim=True)),
    "GlobalMaxPool": _unary(lambda x: F.adaptive_max_pool2d(x, 1) if x.dim() == 4 else x.amax(_pixels(x), True)),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _unary(F.hardswish),
    "Identity": _unary(lambda x: x),
    "LeakyRelu": lambda site: lambda x: F.leaky_relu(x, site.get("alpha")),
    "MaxPool": pooling("max"),
    "Mul": _arithmetic(operator.mul),
    "Pad": _pad,
    "ReduceMean": _reduce,
    "Relu": _unary(torch.relu),
    "Reshape": _reshape,
    "Resize": resize,
    "Shape": _shape,
    "Sigmoid": _unary(torch.sigmoid),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Squeeze": _squeeze,
    "Sub": _arithmetic(operator.sub),
    "Sum": _arithmetic(operator.add),
    "Tanh": _unary(torch.tanh),
    "Transpose": lambda site: lambda x: x.permute(site.get("perm") or list(range(x.dim()))[::-1]),
    "Unsqueeze": _unsqueeze,
    "Upsample": resize,
}


def _dropout(site: OnnxNode, x: torch.Tensor, training: Value) -> torch.Tensor:
    if training is not None and (not isinstance(training, np.ndarray) or training.any()):
        site.refuse("drops values also when it predicts (training_mode)", "a network that was exported for inference")
    return x
