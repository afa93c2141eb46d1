"""ONNX's own backend tests of single operators, as inputs of our reader.

A case's first float input is the network's image, of whatever shape; its other inputs are stored in the file.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper

from edgequant.core.errors import BadModel
from edgequant.models.sources.onnx.network import OnnxNetwork
from edgequant.models.sources.onnx.table import TABLE

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)


@dataclass(frozen=True)
class Verdict:
    """`kind`: "right", "refused" or "wrong"; `why` is the refusal, or how far off."""

    name: str
    kind: str
    why: str = ""


@functools.cache
def cases() -> list[Any]:
    """Every case whose operators the reader knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        return [c for c in collect_testcases(None) if _known(c.model)]


def _known(model: onnx.ModelProto) -> bool:
    return bool(model.graph.node) and all(n.op_type in TABLE and n.domain == "" for n in model.graph.node)


def judge(case: Any, image: int = 0) -> Verdict:
    """Every result, each as a network of its own; one that is wrong makes the case wrong, one refused refused.

    `image` counts the case's float inputs.
    """
    given, wanted = ([_array(v) for v in values] for values in case.data_sets[0])
    found = [_judge(case, image, index, given, right) for index, right in enumerate(wanted)]
    return next((v for kind in ("wrong", "refused", "right") for v in found if v.kind == kind), found[0])


def images(case: Any) -> int:
    """How many inputs can stand for the image; one of another type, for its refusal, where none is float."""
    return max(sum(i.type.tensor_type.elem_type in FLOATS for i in case.model.graph.input), 1)


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value


def _judge(case: Any, image: int, index: int, given: list[Any], right: Any) -> Verdict:
    model, x = _with_stored(case.model, given, image, index)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            network = OnnxNetwork(model, case.name).eval()
            got = network(torch.from_numpy(np.asarray(x, np.float32))).numpy()
    except BadModel as error:
        return Verdict(case.name, "refused", str(error).removeprefix(case.name).lstrip(": "))
    right = np.asarray(right)
    if got.shape != right.shape or right.dtype.kind != "f":
        return Verdict(case.name, "wrong", f"{got.shape} {got.dtype} for {right.shape} {right.dtype}")
    rtol = max(case.rtol, 1e-3 if right.dtype == np.float16 else 0)
    close = np.isclose(got, right.astype(np.float32), rtol, max(case.atol, 1e-6), equal_nan=True)
    return Verdict(case.name, "right" if close.all() else "wrong", f"{(~close).sum()} of {close.size} values differ")


def _with_stored(model: onnx.ModelProto, given: list[Any], image: int, index: int) -> tuple[onnx.ModelProto, Any]:
    """The case as a network of one input and one result, and the input's value."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    floats = [i for i, v in enumerate(made.graph.input) if v.type.tensor_type.elem_type in FLOATS]
    chosen = floats[image] if floats else 0
    for i, (value, array) in enumerate(zip(made.graph.input, given)):
        if i != chosen and isinstance(array, np.ndarray | np.generic):
            made.graph.initializer.append(numpy_helper.from_array(np.asarray(array), value.name))
    kept = made.graph.output[index]
    del made.graph.output[:]
    made.graph.output.append(kept)
    return made, given[chosen] if given else None
