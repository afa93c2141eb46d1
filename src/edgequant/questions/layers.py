"""What every question about layers starts from: a calibrated network, and the images that it is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from ..core.arrays import Array
from ..core.errors import BadData
from ..core.preprocess import normalise
from ..graph.program import Captured
from ..quantization.reference import Reference
from ..search import divergence, engine
from ..search.forms import Forms, uniform
from ..study.bench import Bench
from ..study.making.calibration import Observers, statistics
from ..study.plan import settled
from ..study.prepared import Prepared
from ..tasks.fidelity import sqnr_db
from ..tasks.statistics import paired_drop

SEED = 0  # of the order in which images are drawn
FEW = 128  # images that are enough where divergence is predicted from a few passes


@final
@dataclass(frozen=True)
class Subject:
    """A calibrated network and the validation images that it is asked about, (N, C, H, W) normalised."""

    network: Prepared
    observers: Observers
    images: torch.Tensor
    labels: Array | None

    @property
    def captured(self) -> Captured:
        return self.network.captured

    def batches(self, first: int = 0, end: int | None = None) -> list[torch.Tensor]:
        """The images from `first` to `end`, as many at a time as their tensors have room for."""
        return engine.batches(self.images[first:end], engine.batch_size(self.captured))

    def reference(self, weight_bits: int, activation_bits: int) -> Reference:
        """Every layer at these widths."""
        return uniform(self.captured, self.observers, weight_bits, activation_bits)

    @torch.inference_mode()
    def scores(self, forms: Forms) -> torch.Tensor:
        """(N, classes) of the network with its steps in these forms, simulated; in float without any."""
        network, output = engine.Engine(self.captured, forms), self.captured.program.only.tensor
        return torch.cat([network.keep(engine.channels_last(x))[output] for x in self.batches()])

    def kl(self, base: torch.Tensor, scores: torch.Tensor) -> Array:
        """(N,) nats from the answers in `base` to those in `scores`, of any N images."""
        program = self.captured.program
        return divergence.kl(divergence.log_probabilities(base, program), divergence.log_probabilities(scores, program))

    def top1(self, scores: torch.Tensor) -> float | None:
        """None without labels."""
        return None if self.labels is None else float(divergence.hits(scores, self.labels).mean())

    def compared(self, truth: torch.Tensor, base: torch.Tensor, scores: torch.Tensor) -> dict[str, Any]:
        """`kl` and `sqnr_db` from `truth`; with labels also `drop` from `base` in points, and its paired interval."""
        signal, noise = (float(x.square().sum()) for x in (truth.double(), truth.double() - scores.double()))
        found = {"kl": float(self.kl(truth, scores).mean()), "sqnr_db": sqnr_db(signal, noise)}
        return found | self.dropped(base, scores)

    def dropped(self, base: torch.Tensor, scores: torch.Tensor) -> dict[str, Any]:
        """`drop` and `drop_ci95` in points; nothing without labels."""
        if self.labels is None:
            return {}
        before, after = divergence.hits(base, self.labels), divergence.hits(scores, self.labels)
        drop, interval = paired_drop(before, after, seed=0)
        return {"drop": drop, "drop_ci95": list(interval)}


def subject(bench: Bench, network: Prepared, count: int) -> Subject:
    """Ranges from the calibration images; `count` validation images in a fixed random order. Raises BadData."""
    calibration = bench.study.calibration[0]
    bench.drawn(network, calibration)  # refuses where nobody said how many, and there are too few
    with bench.doing(f"{network.name}: calibrating") as tick:
        observers = statistics(bench, network, settled(calibration, network), network.captured, tick)[0]
    split = network.splits.validation
    chosen = np.random.default_rng(SEED).permutation(len(split))[:count]
    if len(chosen) < 2:
        raise BadData(f"{network.data} has {len(split)} validation images; 2 at least were expected. Give other data.")
    images = torch.from_numpy(normalise(split.take(chosen), network.captured.inputs))
    return Subject(network, observers, images, None if split.labels is None else split.labels[chosen])
