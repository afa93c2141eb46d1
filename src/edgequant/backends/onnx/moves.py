"""Operations that only move values, as ONNX nodes: the same on floats and on a tensor's integers.

ONNX Runtime leaves most of them in float between Q and DQ, so onnx_lower.py writes them on the integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...core.errors import Unsupported
from ...graph.ops.op import named
from ...graph.ops.table import OPS
from ...graph.program import Step
from .graph import OnnxGraph

Move = Callable[[OnnxGraph, Step, Sequence[str], str], str]  # graph, step, inputs, output -> output


def pad(graph: OnnxGraph, step: Step, inputs: Sequence[str], output: str) -> str:
    """`inputs`: the image and, for a constant padding that is not zero, the number."""
    mode = {"replicate": "edge", "reflect": "reflect"}.get(step.attrs.get("mode", "constant"))
    sides = pad_sides(graph, step)
    if mode:
        return graph.node("Pad", [inputs[0], sides], output, mode=mode)
    return graph.node("Pad", [inputs[0], sides, *inputs[1:]], output)


def pad_sides(graph: OnnxGraph, step: Step) -> str:
    """Pad's second input: the sizes before each of N, C, H, W, then those behind."""
    left, right, top, bottom = step.attrs["padding"]
    return graph.constant(np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))


def slice_(graph: OnnxGraph, step: Step, inputs: Sequence[str], output: str) -> str:
    axes = np.arange(1, len(step.shape) + 1, dtype=np.int64)
    begin, end, stride = (np.array(step.attrs[k], np.int64) for k in ("begin", "end", "step"))
    names = [graph.constant(v) for v in (begin, end, axes, stride)]
    return graph.node("Slice", [inputs[0], *names], output)


def shuffle(graph: OnnxGraph, step: Step, inputs: Sequence[str], output: str) -> str:
    c, h, w = step.shape
    groups = step.attrs["groups"]
    return _transposed(graph, step, inputs[0], output, (groups, c // groups, h, w), (0, 2, 1, 3, 4))


def depth_to_space(graph: OnnxGraph, step: Step, inputs: Sequence[str], output: str) -> str:
    """By a Transpose: DepthToSpace has no kernel of 8 bits."""
    (c, h, w), b = step.shape, step.attrs["block"]
    return _transposed(graph, step, inputs[0], output, (b, b, c, h // b, w // b), (0, 3, 4, 1, 5, 2))


def _transposed(
    graph: OnnxGraph, step: Step, source: str, output: str, shape: tuple[int, ...], order: tuple[int, ...]
) -> str:
    apart = graph.node("Reshape", [source, batched_shape(graph, shape)], f"{output}/apart")
    moved = graph.node("Transpose", [apart], f"{output}/moved", perm=list(order))
    return graph.node("Reshape", [moved, batched_shape(graph, step.shape)], output)


def upsample(graph: OnnxGraph, step: Step, inputs: Sequence[str], output: str) -> str:
    nearest = step.attrs["mode"] == "nearest"
    ratios = [scale_of(a, b, nearest) for a, b in zip(step.attrs["before"], step.attrs["size"])]
    scales = [np.float32(1), np.float32(1), *ratios]
    if nearest:
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        corners = "align_corners" if step.attrs["corners"] else "half_pixel"
        how = {"mode": "linear", "coordinate_transformation_mode": corners}
    return graph.node("Resize", [inputs[0], "", graph.constant(np.array(scales, np.float32))], output, **how)


def scale_of(before: int, after: int, nearest: bool) -> np.float32:
    """A factor by which ONNX Runtime makes `after` pixels of `before`; the `nearest` ones must be torch's.

    Sizes would say it plainly, but for all four dimensions (the batch is open), and with the attribute `axes`
    its layout optimizer drops them. Raises Unsupported where no float32 does.
    """
    exact = np.float32(after) / np.float32(before)
    wanted = np.floor(np.arange(after, dtype=np.float32) * (np.float32(before) / np.float32(after)))
    for factor in (exact, np.nextafter(exact, np.float32(np.inf)), np.nextafter(exact, np.float32(0))):
        picked = np.floor(np.arange(after, dtype=np.float32) / factor)
        if int(np.float32(before) * factor) == after and (not nearest or (picked == wanted).all()):
            return np.float32(factor)
    raise Unsupported(f"ONNX Runtime resizes {before} pixels to {after} unlike torch. Use a whole factor.")


def batched_shape(graph: OnnxGraph, shape: Sequence[int]) -> str:
    """A Reshape's target: the batch as it is, then `shape`."""
    return graph.constant(np.array([0, *shape], np.int64))  # 0: copy this dimension


MOVES: dict[str, Move] = {
    kind: named("onnx write", row.onnx.integers, kind) for kind, row in OPS.items() if row.onnx.integers
}


def moves(step: Step) -> bool:
    """Whether the step's integers are its input's, elsewhere; a bilinear upsampling makes new ones."""
    return step.kind in MOVES and step.attrs.get("mode") != "bilinear"
