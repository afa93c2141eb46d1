"""Random ONNX graphs that ONNX Runtime runs: chains of one to five nodes on an image of random size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .drawing import Drawing
from .operators import DRAWS

OLDEST, NEWEST = 7, 24  # opsets; the runtime reads none that is newer
MOST = 5  # nodes


@dataclass(frozen=True)
class Case:
    """A graph that ONNX Runtime runs, its images, and what it says of them."""

    seed: int
    kinds: tuple[str, ...]
    model: onnx.ModelProto
    x: np.ndarray
    wanted: np.ndarray


def draw(seed: int) -> Case | None:
    """None where ONNX Runtime runs nothing of it, or the result is no finite tensor of two dimensions or more."""
    rng = np.random.default_rng(seed)
    open_batch = bool(rng.random() < 0.5)
    images = 2 if open_batch else int(rng.choice([1, 1, 2]))
    shape = (images, int(rng.integers(1, 5)), int(rng.integers(3, 9)), int(rng.integers(3, 9)))
    d = Drawing(rng, int(rng.integers(OLDEST, NEWEST + 1)), shape)
    x = rng.normal(0, 2, d.shape).astype(np.float32)
    size: list[Any] = ["N" if open_batch else images, *d.shape[1:]]
    for _ in range(int(rng.integers(1, MOST + 1))):
        if not _grow(d, size, x):
            break
    if not d.nodes:
        return None
    built = model(d, size)
    wanted = run(built, x)
    if wanted is None or wanted.dtype != np.float32 or wanted.ndim < 2 or not np.isfinite(wanted).all():
        return None
    return Case(seed, tuple(n.op_type for n in d.nodes if n.op_type != "Constant"), built, x, wanted)


def _grow(d: Drawing, size: list[Any], x: np.ndarray) -> bool:
    """One operator more. False, and the graph as it was, where ONNX Runtime does not run it."""
    count, name = len(d.nodes), d.name
    choices = [one for one, image in DRAWS if d.rank == 4 or not image]
    choices[int(d.rng.integers(len(choices)))](d)
    made = run(model(d, size), x)
    if made is not None and made.dtype != np.float32:
        d.add("Cast", to=TensorProto.FLOAT)
        made = run(model(d, size), x)
    if made is None or made.ndim < 2 or made.size == 0:
        del d.nodes[count:]
        d.name = name
        return False
    d.shape = made.shape
    return True


def model(d: Drawing, size: list[Any]) -> onnx.ModelProto:
    stored = [numpy_helper.from_array(v, k) for k, v in d.stored.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, size)]
    outputs = [onnx.ValueInfoProto(name=d.name)]
    if d.opset < 9:  # constants are inputs too in files of that age
        inputs += [
            helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
            for k, v in d.stored.items()
        ]
    graph = helper.make_graph(d.nodes, "g", inputs, outputs, stored)
    imports = [helper.make_opsetid("", d.opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=3 if d.opset < 9 else 8)


def run(built: onnx.ModelProto, x: np.ndarray) -> np.ndarray | None:
    """By ONNX Runtime, without its optimizations; None where it refuses."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(built.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return session.run(None, {"x": x})[0]  # type: ignore[no-any-return]
    except Exception:  # of many kinds, without a common base
        return None
