"""A quantized file as a network in float with the file's own weights and grids, whatever its format."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ....backends.contract import Unreadable
from ....core.arrays import Array, only
from ....core.grid import QParams, fake_quantize
from ....core.image import InputSpec
from ....core.preprocess import normalise
from ....graph.ops.table import OPS
from ....graph.program import Captured, Network, Program, Step
from .file_side import FileSide
from .float_side import FloatSide

PROBES = 8
FAR, NEAR = 0.3, 0.1  # of the weights' norm; 8-bit weights are a hundredth of it off, 4-bit ones an eighth
NOT_ITS_WEIGHTS = "layers are not judged: the float network's do not fit the file's"
RESCALED = "layers are not judged: the file's branches have scales of their own"
CLOSE = 0.01  # of the largest score: float arithmetic in another order differs by 1e-5, other weights by far more


@dataclass(frozen=True)
class FloatTwin:
    """A file as a network in float. `stored` has the weights that the file holds; `floats` those of the float network,
    None where the two do not fit together. `activations`: the grid of each integer tensor."""

    stored: Network
    activations: Mapping[str, QParams]
    floats: Network | None = None

    @property
    def program(self) -> Program:
        return self.stored.program

    @property
    def inside(self) -> tuple[Step, ...]:
        """The steps whose tensors have a calibrated grid: not those of the input, the output, or of a fixed range."""
        ends = (self.program.input, *self.program.returned)
        return tuple(
            s
            for s in self.program.steps
            if s.name in self.activations and s.name not in ends and OPS[s.kind].rule != "fixed"
        )

    def rounded(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """The tensor's values on its grid; `x` itself where it has none."""
        grid = self.activations.get(name)
        return x if grid is None else fake_quantize(x, grid)


def twin_of(file: FileSide, side: FloatSide, probes: Array) -> tuple[FloatTwin | None, str]:
    """The twin, and why it is none or half a one. `probes`: (n, H, W, C) pixels on which the float network, with its
    weights in the file's program, must answer alike."""
    reference = file.file.backend.read(file.path, file.inputs, side.captured)
    if isinstance(reference, Unreadable):
        return None, f"tensors and layers are not judged: {reference.reason}"
    if reference.kind != "static":
        return None, f"tensors are not judged: the file's activations are floats ({reference.kind})"
    stored = reference.captured.network
    floats = _with_weights_of(stored, side.captured)
    if floats is None or not _alike(floats, file.inputs, side, probes[:PROBES]):
        return FloatTwin(stored, reference.activations), NOT_ITS_WEIGHTS
    if any(_gains(stored.layer(s.layer).weight, floats.layer(s.layer).weight) for s in stored.program.layers):
        return FloatTwin(stored, reference.activations), RESCALED
    return FloatTwin(stored, reference.activations, floats), ""


def _gains(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Whether the file holds a layer's weights with gains on its input channels: then tensors of the two networks
    differ by them, and no layer of the one can stand in the other.

    Far from equal, and near to it once every input channel has the factor that fits it best, in least squares.
    """
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
