"""What every question about layers starts from: a calibrated network, and the images that it is asked about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..core.arrays import Array
from ..core.errors import BadData
from ..core.preprocess import normalise
from ..core.progress import AbstractProgress
from ..quantization.reference import Reference
from ..search import engine
from ..search.forms import uniform
from ..store.folder import RunFolder
from ..study.bench import Bench
from ..study.making.calibration import Observers, statistics
from ..study.plan import settled
from ..study.prepared import Prepared
from ..study.study import Study

SEED = 0  # of the order in which images are drawn


@dataclass(frozen=True)
class Subject:
    """A calibrated network and the validation images that it is asked about, (N, C, H, W) normalised."""

    network: Prepared
    observers: Observers
    images: torch.Tensor
    labels: Array | None

    @property
    def batches(self) -> list[torch.Tensor]:
        return engine.batches(self.images, engine.batch_size(self.network.captured))

    def reference(self, weight_bits: int, activation_bits: int) -> Reference:
        return uniform(self.network.captured, self.observers, weight_bits, activation_bits)


def subject(network: Prepared, study: Study, count: int, run: RunFolder, progress: AbstractProgress) -> Subject:
    """Ranges from the calibration images; `count` validation images in a fixed random order."""
    observers = calibrated(Bench(study, run, progress), network)
    split = network.splits.validation
    chosen = np.random.default_rng(SEED).permutation(len(split))[:count]
    if len(chosen) < 2:
        raise BadData(f"{network.data} has {len(split)} validation images; 2 at least were expected. Give other data.")
    images = torch.from_numpy(normalise(split.take(chosen), network.captured.inputs))
    return Subject(network, observers, images, None if split.labels is None else split.labels[chosen])


def calibrated(bench: Bench, network: Prepared) -> Observers:
    """What every tensor of the network was on the calibration images of the study's first calibration."""
    calibration = bench.study.calibration[0]
    bench.drawn(network, calibration)  # refuses where nobody said how many, and there are too few
    with bench.doing(f"{network.name}: calibrating") as tick:
        return statistics(bench, network, settled(calibration, network), network.captured, tick)[0]


@torch.inference_mode()
def run_engine(one: engine.Engine, about: Subject) -> torch.Tensor:
    """(N, classes) scores of the engine's network on all images."""
    found = [one.keep(engine.channels_last(x))[about.network.captured.program.only.tensor] for x in about.batches]
    return torch.cat(found)
