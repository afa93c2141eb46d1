"""The integers that ONNX Runtime computes inside a file, read by making every quantized tensor an output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from ...core.arrays import Array
from ..onnx.graph import OFFSET
from ..onnx.inspect import read
from .session import open_session, options


def integers(path: Path, inputs: Array, provider: str) -> dict[str, Array]:
    """Tensor name -> (N, ...) integers as the reference has them, on `(N, C, H, W)` normalised images.

    A tensor that is an output is not fused away, so this locates a difference; whether there is one is for the file
    as it ships to say. Raises BadFile.
    """
    fed = open_session(path, 1, provider).encode(inputs)
    model = read(path)
    model.graph.ClearField("output")
    own = [name for node in model.graph.node for name in node.output if "/" not in name]  # see lowering.py
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in own)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options(1), providers=[provider])
    names = [o.name for o in session.get_outputs() if o.type == "tensor(uint8)"]
    values = session.run(names, {model.graph.input[0].name: fed})
    return {name: value.astype(np.int32) - OFFSET for name, value in zip(names, values)}
