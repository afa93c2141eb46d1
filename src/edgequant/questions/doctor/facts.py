"""What the tensors and layers of a file do on images: run in float, next to the grids that the file stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from ...core.arrays import Array, only
from ...core.grid import QParams
from ...data.calibration.two_sample import ALPHA
from ...graph.copies import copied
from ...graph.ops.table import OPS
from ...graph.program import Network, Program, Step
from .beside import shared_grids
from .evidence import LayerFacts, TensorFacts

BATCH = 32


@dataclass(frozen=True)
class Twin:
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


@dataclass
class _Seen:
    """One tensor, batch after batch."""

    grid: QParams
    low: float = np.inf
    high: float = -np.inf
    values: int = 0
    total: float = 0.0
    squares: float = 0.0
    images: int = 0
    clipped: int = 0
    clip_squares: float = 0.0
    used: Array = field(default_factory=lambda: np.zeros(0, bool))

    def update(self, x: torch.Tensor) -> None:
        flat = x.flatten(1).double()
        low, high = grid_range(self.grid)
        outside = (torch.maximum(flat - high, low - flat) - self.grid.scale).clamp(min=0)
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.values += flat.numel()
        self.total += float(flat.sum())
        self.squares += float((flat**2).sum())
        self.images += len(flat)
        self.clipped += int((outside > 0).any(1).sum())
        self.clip_squares += float((outside**2).sum())
        steps = torch.round(flat / self.grid.scale + self.grid.zero_point).clamp(self.grid.low, self.grid.high)
        count = torch.bincount((steps - self.grid.low).long().flatten(), minlength=2**self.grid.bits)
        self.used = (count.numpy() > 0) | (self.used if len(self.used) else False)

    def facts(self, step: Step) -> TensorFacts:
        low, high = grid_range(self.grid)
        mean = self.total / self.values
        variance = max(0.0, self.squares / self.values - mean**2)
        if self.low == self.high:
            variance = 0.0
        return TensorFacts(
            step.name, step.layer or step.kind, self.grid.scale, low, high, self.low, self.high, self.images,
            self.clipped, self.clip_squares / self.values, variance, int(self.used.sum()),
        )  # fmt: skip


def grid_range(grid: QParams) -> tuple[float, float]:
    """The reals that the grid holds."""
    return (grid.low - grid.zero_point) * grid.scale, (grid.high - grid.zero_point) * grid.scale


@torch.inference_mode()
def tensor_facts(twin: Twin, x: Array) -> tuple[TensorFacts, ...]:
    """Of every tensor inside, in order, on normalised images `x` (N, C, H, W). In float throughout."""
    network = twin.floats or twin.stored
    seen = {step.name: _Seen(twin.activations[step.name]) for step in twin.inside}

    def visit(name: str, value: torch.Tensor) -> None:
        if name in seen:
            seen[name].update(value)

    for at in range(0, len(x), BATCH):
        network.run_all(torch.from_numpy(x[at : at + BATCH]), visit=visit)
    return shared_grids(twin.program, [seen[step.name].facts(step) for step in twin.inside], copied(twin.stored))


@torch.inference_mode()
def layer_facts(twin: Twin, x: Array) -> tuple[LayerFacts, ...]:
    """Each layer in turn put back to float: its weights and the tensor it makes. Simulated with rounding in float.

    What comes before a layer is computed once. Empty where the float weights are not known, or where so few answers
    differ that no layer could be found guilty of them.
    """
    if twin.floats is None:
        return ()
    batches = [torch.from_numpy(x[at : at + BATCH]) for at in range(0, len(x), BATCH)]
    source, sink = twin.program.input, twin.program.only.tensor
    truth = torch.cat([only(twin.floats(batch)) for batch in batches])
    passes = [_quantized(twin, {source: _round(twin, source, batch)}) for batch in batches]
    before = torch.cat([values[sink] for values in passes])
    layers = list(twin.program.layers)
    if not _could_be_guilty(truth, before, len(layers)):
        return ()
    outputs = {s.name: torch.cat([_without(twin, s, values) for values in passes]) for s in layers}
    return _judged(layers, truth, before, outputs)


def _could_be_guilty(truth: torch.Tensor, before: torch.Tensor, layers: int) -> bool:
    """Whether McNemar's test could come out significant, were all different answers mended by one layer."""
    differ = int((truth.argmax(1) != before.argmax(1)).sum())
    return 2 * 0.5**differ * layers < ALPHA


def _judged(
    layers: list[Step], truth: torch.Tensor, before: torch.Tensor, outputs: Mapping[str, torch.Tensor]
) -> tuple[LayerFacts, ...]:
    error = float(((before - truth) ** 2).mean())
    agree = (before.argmax(1) == truth.argmax(1)).numpy()
    return tuple(
        LayerFacts(
            step.layer,
            step.kind,
            1 - float(((outputs[step.name] - truth) ** 2).mean()) / error,
            (outputs[step.name].argmax(1) == truth.argmax(1)).numpy(),
            agree,
        )
        for step in layers
    )


def _without(twin: Twin, spared: Step, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The output with one layer in float, from the values that the quantized network had before it."""
    assert twin.floats is not None
    names = [s.name for s in twin.program.steps]
    where = names.index(spared.name)
    known = {twin.program.input: values[twin.program.input], **{n: values[n] for n in names[:where]}}
    known[spared.name] = twin.floats.run_step(spared, known)
    return _quantized(twin, known)[twin.program.only.tensor]


def _quantized(twin: Twin, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Every tensor that is not among `values` yet, each rounded to its grid."""
    for step in twin.program.steps:
        if step.name not in values:
            values[step.name] = _round(twin, step.name, twin.stored.run_step(step, values))
    return values


def _round(twin: Twin, name: str, x: torch.Tensor) -> torch.Tensor:
    grid = twin.activations.get(name)
    if grid is None:
        return x
    steps = torch.round(x / grid.scale + grid.zero_point).clamp(grid.low, grid.high)
    return (steps - grid.zero_point) * grid.scale
