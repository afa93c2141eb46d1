"""What a finished .onnx tells of itself: its input, its operators, and, by edgequant's names, what it stores."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ...core.errors import BadFile
from ...core.grid import QParams
from ...graph.program import Captured
from ...quantization.reference import Reference
from ..contract import Entry, Operators, Unreadable
from ..onnx.inspect import inspect, metadata
from ..onnx.inspect import read as read_model
from ..onnx.params import bias, grids, weights
from .session import OnnxSession

FLOAT_KERNELS = {"Conv", "FusedConv", "NhwcFusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul", "ConvTranspose"}
GRIDS = ("QuantizeLinear", "DequantizeLinear")


def entry(path: Path, session: OnnxSession) -> Entry:
    """Raises BadFile where the input is no image of one size."""
    sides = [t["shape"] for t in inspect(path)["tensors"] if t["role"] == "input"]
    shape = sides[0][1:] if sides else []
    if len(shape) != 3 or not all(isinstance(d, int) and d > 0 for d in shape):
        raise BadFile(
            f"{path} takes {sides[0] if sides else 'nothing'}; images (N, C, H, W) of one size were expected."
        )
    border = session.border
    return Entry((shape[0], shape[1], shape[2]), np.dtype(border.dtype).name, border.scale, border.zero_point)


def read(path: Path, like: Captured | None) -> Reference | Unreadable:
    """The network `like` with the weights and grids that the file stores under its names.

    A weight or bias that the file does not have under its layer's name, or in another shape, stays `like`'s: of equal
    constants a file keeps one, under one of their names.
    """
    try:
        model = read_model(path)
    except BadFile as error:
        return Unreadable(str(error))
    activations = {} if like is None else _known(grids(model.graph), like)
    if like is None or not activations:
        return Unreadable("the file's do not have the names of the float network's")
    network = copy.deepcopy(like.network)
    for step in like.program.layers:
        layer = network.layer(step.layer)
        weight, offset = weights(model.graph, step.layer), bias(model.graph, step.layer)
        if weight is not None and weight.shape == tuple(layer.weight.shape):
            layer.weight.data = torch.from_numpy(weight)
        if offset is not None and layer.bias is not None:
            layer.bias.data = torch.from_numpy(offset).reshape(-1)
    recipe = str(metadata(model).get("recipe") or "w8a8")
    return Reference(replace(like, network=network), recipe, "static", activations)


def _known(found: dict[str, QParams], like: Captured) -> dict[str, QParams]:
    """A requantization in front of a concatenation is none in ONNX: it is the concatenation that rounds."""
    known = {name: grid for name, grid in found.items() if name in like.program.tensors}
    for step in like.program.steps:
        if step.kind == "requantize" and step.name not in known:
            reader = like.program.users(step.name)[0].name
            known |= {step.name: known[reader]} if reader in known else {}
    return known


def operators(path: Path, kernels: Mapping[str, int]) -> Operators | Unreadable:
    """`kernels`: of the graph that runs, as ONNX Runtime's optimizer left it. It has one family: none is slow."""
    try:
        found = inspect(path)
    except BadFile as error:
        return Unreadable(str(error))
    ends = sum(t["type"] == "float32" for t in found["tensors"] if t["role"] in ("input", "output"))
    return Operators(
        integer="QuantizeLinear" in found["operators"] or any(kind.startswith("QLinear") for kind in kernels),
        floats=tuple(kind for kind, count in kernels.items() if kind in FLOAT_KERNELS for _ in range(count)),
        loose=max(0, sum(kernels.get(kind, 0) for kind in GRIDS) - ends),
    )
