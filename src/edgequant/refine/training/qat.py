"""Quantization-aware training: learned step sizes (Esser et al., 2020, arXiv:1902.08153) on the captured network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch

from ...core.errors import BadData, BadOption, Diverged
from ...core.progress import Tick
from ...data.dataset import Splits
from ...data.splits import Subset
from ...quantization.reference import Reference
from ...train import checkpoint
from ...train.loop import Watch, fit, smoothed_cross_entropy
from ...train.settings import TrainSettings
from ...train.training import Training
from ..refiner import Trains
from .learned import learned
from .network import FakeQuantized
from .oscillation import Freezing

BATCH, AUGMENT = 64, ("crop",)  # where nobody knows how the float network was trained; a crop suits every image
WARM_UP = 0.1  # epochs
# (bits of weights, bits of activations, peak of the rate): the first row that a network's narrowest tensors reach. The
# best on validation of 0.0003, 0.001, 0.003 (w8a8) and of 0.003, 0.01 (w4a8, w4a4): one seed, micro CNN on CIFAR-10,
# two epochs of 8,000 images.
RATES = ((6, 6, 1e-3), (2, 6, 3e-3), (2, 2, 1e-2))


@final
@dataclass(frozen=True)
class QAT(Trains):
    """Trains the weights, their scales and those of the activations, with the deployed rounding in the forward pass.

    It starts from the calibrated reference, or from what the refiners before it made of that, and BatchNorm is
    folded. Layers and tensors that the recipe leaves in float stay float and are trained along. Nothing is chosen
    after the last step: the scales, zero points and integers that were trained are those of the file.

    The images, their augmentation and the batch are those of the float training unless said otherwise.
    """

    epochs: int = 4
    lr: float | None = None  # the peak, with half-cosine decay; none: by the bits, see RATES
    batch: int | None = None  # none: as in the float training, or 64
    optimizer: str = "adam"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    augment: str | None = None  # "flip-crop"; none: as in the float training, or crop; "" for nothing
    scale_rate: float = 1.0  # of scales and zero points, as a multiple of lr
    freeze_scales: float = 0.75  # the fraction of training after which no scale moves
    freeze_weights: float = 0.01  # flips a step above which a weight of 4 bits or fewer is frozen; 0: never
    damping: float = 0.0  # of weights of 4 bits or fewer: strength of the pull to the grid point
    images: int = 0  # of the training split, drawn once by the seed; 0: all of them
    seed: int = 0

    def __post_init__(self) -> None:
        try:
            self.settings(None)
        except BadOption as error:
            raise BadOption(str(error).replace("train.", "qat:")) from error
        if self.images < 0:
            raise BadOption(f"qat: images is at least 0. Got {self.images}.")
        for name in ("freeze_scales", "freeze_weights"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadOption(f"qat: {name} is between 0 and 1. Got {getattr(self, name)}.")
        for name in ("scale_rate", "damping"):
            if not getattr(self, name) >= 0:
                raise BadOption(f"qat: {name} is at least 0. Got {getattr(self, name)}.")

    def settings(self, training: TrainSettings | None, rate: float = RATES[0][2]) -> TrainSettings:
        """How it trains, given how the float network was trained; `rate` where none was asked for. Raises BadOption."""
        batch = self.batch if self.batch is not None else (training.batch if training else BATCH)
        base = training or TrainSettings(augment=AUGMENT)
        augment = base.augment if self.augment is None else tuple(filter(None, self.augment.split("-")))
        return replace(
            base,
            epochs=self.epochs,
            batch=batch,
            optimizer=self.optimizer,
            lr=rate if self.lr is None else self.lr,
            momentum=0.9,
            weight_decay=self.weight_decay,
            schedule="cosine",
            warmup_epochs=WARM_UP,
            label_smoothing=self.label_smoothing,
            ema=0.0,
            augment=augment,
            resolutions=(),
            precision="float32",
            seed=self.seed,
        )

    def train(self, reference: Reference, training: Training, tick: Tick) -> Reference:
        """Raises BadData without labels to learn from, BadOption where nothing is quantized, and Diverged."""
        if not reference.weights:
            raise BadOption(
                f"The recipe {reference.recipe} quantizes no weight, so qat has nothing to train for. Expected one like"
                " w8a8+qat."
            )
        if training.loss is None and training.splits.train.labels is None:
            raise BadData("qat learns from labels, and the images have none. Add +distill to learn from the network.")
        freezing = Freezing(self.freeze_scales, self.freeze_weights, self.damping)
        network = FakeQuantized(reference, freezing, self.scale_rate)
        loss = training.loss(network) if training.loss else smoothed_cross_entropy(self.label_smoothing)
        settings = self.settings(training.settings, rate_for(reference))
        watch = Watch(lambda figures: training.say(_line(figures, self.epochs)), tick, network.begin, training.say)
        with _full_precision():
            try:
                splits = self._some(training.splits)
                fit(network, splits, reference.captured.inputs, settings, training.folder, loss, watch)
            except Diverged as error:
                raise Diverged(_diverged(str(error), network, training, settings)) from error
        return learned(network)

    def _some(self, splits: Splits) -> Splits:
        if not 0 < self.images < len(splits.train):
            return splits
        positions = np.random.default_rng(self.seed).permutation(len(splits.train))[: self.images]
        fingerprint = f"{splits.fingerprint} {self.images} of seed {self.seed}"  # no checkpoint of other images is used
        return replace(splits, train=Subset(splits.train, positions), fingerprint=fingerprint)


def rate_for(reference: Reference) -> float:
    """The peak of the rate for the narrowest weights and activations of a reference."""
    weights = min(w.bits for w in reference.weights.values())
    activations = min((p.bits for p in reference.activations.values()), default=8)
    return next(rate for w, a, rate in RATES if weights >= w and activations >= a)


@contextmanager
def _full_precision() -> Iterator[None]:
    """Without TF32: its ten bits of mantissa are as coarse as the grid that is being learned."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def _line(figures: dict[str, float], epochs: int) -> str:
    return (
        f"  qat epoch {figures['epoch']:.0f}/{epochs}: loss {figures['loss']:.3f}, train {figures['accuracy']:.2%},"
        f" validation {figures['validation_accuracy']:.2%} ({figures['seconds']:.0f} s)"
    )


def _diverged(said: str, network: FakeQuantized, training: Training, settings: TrainSettings) -> str:
    """What happened, what is kept, the layer whose scale went furthest, and qat's own advice."""
    done = len(checkpoint.epochs(training.folder))
    kept = f"The checkpoint of epoch {done} is kept." if done else "There is no checkpoint yet."
    layer, ratio = network.furthest_scale()
    return (
        f"{said.partition('.')[0]}. {kept} The scale that ran away furthest is that of {layer} ({ratio:.3g} times the"
        f" calibrated one). Lower qat's lr (now {settings.lr:g}) or scale_rate."
    )
