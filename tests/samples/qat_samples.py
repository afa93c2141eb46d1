"""A small trained network on noise whose brightness is the class, and the training of a refiner on it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from edgequant.core.arrays import Array, only
from edgequant.data.dataset import Splits
from edgequant.data.splits import ArraySplit
from edgequant.graph.program import Captured
from edgequant.train.settings import TrainSettings
from edgequant.train.training import Teacher, Training
from refine_samples import Residual, tensors
from refine_samples import captured as capture_new

CLASSES = ("darkest", "dark", "bright", "brightest")
SETTINGS = TrainSettings(epochs=2, batch=16, augment=(), crop_padding=1)


def split(n: int, seed: int, labelled: bool = True) -> ArraySplit:
    """(n, 8, 8, 3) noise; the class is how bright it is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    images = (rng.integers(0, 120, (n, 8, 8, 3)) + 45 * labels[:, None, None, None]).astype(np.uint8)
    return ArraySplit(images, labels if labelled else None, np.arange(n))


def splits(labelled: bool = True) -> Splits:
    names = CLASSES if labelled else ()
    return Splits(names, split(96, 0, labelled), split(60, 1, labelled), None, "fingerprint")


def pixels(n: int = 96) -> Array:
    return split(96, 0).take(np.arange(n))


@cache
def trained() -> Captured:
    """The residual network, trained to tell the classes apart. Nobody may change it."""
    captured = capture_new(Residual())
    network, data = captured.network, split(96, 0)
    x, y = tensors(data.take(np.arange(96))), torch.as_tensor(data.labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(60):
        loss = F.cross_entropy(only(network(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return Captured(network.requires_grad_(False).requires_grad_(True), captured.inputs, CLASSES)


def training(folder: Path, **fields: Any) -> Training:
    teacher = Teacher(trained().network, trained().inputs, CLASSES)
    given: dict[str, Any] = {"splits": splits(), "teacher": teacher, "folder": folder, "settings": SETTINGS}
    return Training(**{**given, **fields})
