"""What a finished .tflite tells of itself, whoever made it: its input, its operators, its graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...core.errors import BadFile
from ...core.image import InputSpec
from ...quantization.reference import Reference
from ..contract import Entry, Operators, Unreadable
from ..tflite.graph import load_graph
from ..tflite.read.read import read_reference
from .session import Session

WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}
GRIDS = {"QUANTIZE", "DEQUANTIZE"}


def entry(path: Path) -> Entry:
    """Raises BadFile where the input is no image of batch 1."""
    session = Session(path)
    shape = [int(d) for d in session.source["shape"]]
    if len(shape) != 4 or shape[0] != 1:
        raise BadFile(f"{path} takes {shape}; one image was expected.")
    c, h, w = (shape[3], shape[1], shape[2]) if session.channels_last else shape[1:]
    scale, zero_point = session.source["quantization"]
    return Entry((c, h, w), np.dtype(session.source["dtype"]).name, float(scale), int(zero_point))


def read(path: Path, inputs: InputSpec) -> Reference | Unreadable:
    """Without `mean` and `std` a file that does not state its own is taken to see raw pixels."""
    try:
        return read_reference(path, inputs.mean, inputs.std)
    except BadFile as error:
        return Unreadable(str(error))


def operators(path: Path, kernels: Mapping[str, int]) -> Operators | Unreadable:
    """`kernels`: what XNNPACK did not take goes by the operator's own name there."""
    try:
        graph = load_graph(path)
    except BadFile as error:
        return Unreadable(str(error))
    tensors, loose = graph.tensors, 0
    for o in graph.operators:
        if o.name in GRIDS and tensors[o.inputs[0]].data is None:  # of a constant, it is how weights are stored
            source, made = tensors[o.inputs[0]], tensors[o.outputs[0]]
            regrids = source.integer and made.integer  # computes in integers
            loose += not regrids and source.index != graph.input and made.index != graph.output
    computed = [(o.name, tensors[o.outputs[0]]) for o in graph.operators if o.name not in GRIDS]
    return Operators(
        integer=any(made.integer for _, made in computed),
        floats=tuple(name for name, made in computed if made.type == "float32"),
        loose=loose,
        slow=tuple(kind for kind, count in kernels.items() if kind in WEIGHTED for _ in range(count)),
    )
