"""A quantized file as a network in float with the file's own weights and grids, whatever its format."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch

from ....core.arrays import Array, only
from ....core.errors import BadFile
from ....core.grid import QParams
from ....core.image import InputSpec
from ....core.preprocess import normalise
from ....graph.program import Captured, Network
from ..facts import Twin
from .float_side import FloatSide

PROBES = 8
FAR, NEAR = 0.3, 0.1  # of the weights' norm; 8-bit weights are a hundredth of it off, 4-bit ones an eighth
RESCALED = "layers are not judged: the file's branches have scales of their own"
CLOSE = 0.01  # of the largest score: float arithmetic in another order differs by 1e-5, other weights by far more


def twin_of(path: Path, inputs: InputSpec, side: FloatSide, probes: Array) -> tuple[Twin | None, str]:
    """The twin, or why there is none. `probes`: (n, H, W, C) pixels on which the float network must answer alike."""
    try:
        if path.suffix.lower() == ".tflite":
            return _from_tflite(path, inputs, side, probes)
        return _from_onnx(path, side.captured)
    except BadFile as error:
        return None, f"tensors and layers are not judged: {error}"


def _from_tflite(path: Path, inputs: InputSpec, side: FloatSide, probes: Array) -> tuple[Twin | None, str]:
    from ....backends.tflite.read.read import read

    reference = read(path, inputs.mean, inputs.std).reference
    if reference.kind != "static":
        return None, f"tensors are not judged: the file's activations are floats ({reference.kind})"
    stored = reference.captured.network
    floats = _with_weights_of(stored, side.captured)
    if floats is None or not _alike(floats, inputs, side, probes[:PROBES]):
        return Twin(stored, reference.activations), "layers are not judged: the float network's do not fit the file's"
    if _rescaled(stored, floats):
        return Twin(stored, reference.activations), RESCALED
    return Twin(stored, reference.activations, floats), ""


def _rescaled(stored: Network, floats: Network) -> bool:
    """Whether the file holds some layer's weights with gains on its input channels: then tensors of the two networks
    differ by them, and no layer of the one can stand in the other."""
    return any(_gains(stored.layer(s.layer).weight, floats.layer(s.layer).weight) for s in stored.program.layers)


def _gains(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Far from equal, and near to it once every input channel has the factor that fits it best."""
    a, b = (w.detach().double().flatten(2) if w.dim() > 2 else w.detach().double()[..., None] for w in (ours, theirs))
    best = (a * b).sum((0, 2)) / (b * b).sum((0, 2)).clamp(min=1e-300)
    apart = float((a - b).norm()) > FAR * float(b.norm())
    return apart and float((a - b * best[None, :, None]).norm()) < NEAR * float(a.norm())


def _with_weights_of(stored: Network, captured: Captured | None) -> Network | None:
    """The file's program with the float network's weights, matched in order; None where their shapes do not match.

    Only weights and biases are taken over: a padding that is the layer's own there may be a step of its own here.
    """
    if captured is None or len(stored.program.layers) != len(captured.program.layers):
        return None
    floats = copy.deepcopy(stored)
    for ours, theirs in zip(stored.program.layers, captured.program.layers):
        to, source = floats.layer(ours.layer), captured.network.layer(theirs.layer)
        if to.weight.shape != source.weight.shape or (to.bias is None and source.bias is not None):
            return None
        to.weight.data = source.weight.detach()
        if to.bias is not None:
            to.bias.data = torch.zeros(len(to.weight)) if source.bias is None else source.bias.detach()
    return floats


def _alike(floats: Network, inputs: InputSpec, side: FloatSide, probes: Array) -> bool:
    with torch.inference_mode():
        found = only(floats(torch.from_numpy(normalise(probes, inputs)))).numpy()
    wanted = side.scores(probes)
    if found.shape != wanted.shape:
        return False
    return float(np.abs(found - wanted).max()) <= CLOSE * float(np.abs(wanted).max())


def _from_onnx(path: Path, captured: Captured | None) -> tuple[Twin | None, str]:
    """By the names that edgequant gives tensors and layers; the files of others have their own."""
    from ....backends.onnx.inspect import read
    from ....backends.onnx.params import bias, grids, weights

    graph = read(path).graph
    activations = {} if captured is None else _known(grids(graph), captured)
    if captured is None or not activations:
        return None, "tensors and layers are not judged: the file's do not have the names of the float network's"
    stored = copy.deepcopy(captured.network)
    for step in captured.program.layers:
        value = weights(graph, step.layer)
        if value is not None and value.shape == tuple(stored.layer(step.layer).weight.shape):
            stored.layer(step.layer).weight.data = torch.from_numpy(value)
        offset = bias(graph, step.layer)
        own = stored.layer(step.layer).bias
        if offset is not None and own is not None:
            own.data = torch.from_numpy(offset).reshape(-1)
    if _rescaled(stored, captured.network):
        return Twin(stored, activations), RESCALED
    return Twin(stored, activations, captured.network), ""


def _known(found: dict[str, QParams], captured: Captured) -> dict[str, QParams]:
    """A requantization in front of a concatenation is none in ONNX: it is the concatenation that rounds."""
    known = {name: grid for name, grid in found.items() if name in captured.program.tensors}
    for step in captured.program.steps:
        if step.kind == "requantize":
            reader = captured.program.users(step.name)[0]
            known |= {step.name: known[reader.name]} if step.name not in known and reader.name in known else {}
    return known
