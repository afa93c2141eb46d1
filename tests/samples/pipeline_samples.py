"""A tiny network on tiny images, prepared as the pipeline does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from edgequant.core.arrays import Array
from edgequant.core.image import InputSpec
from edgequant.core.preprocess import normalise
from edgequant.core.progress import AbstractProgress, Silent
from edgequant.data.classes.arrays import InMemory
from edgequant.data.dataset import AbstractDataset
from edgequant.models.model import AbstractModel
from edgequant.models.wrap import Wrapped
from edgequant.store.folder import RunFolder
from edgequant.study.bench import Bench
from edgequant.study.networks.network import prepare_objects
from edgequant.study.plan import Variant
from edgequant.study.prepared import Prepared
from edgequant.study.study import Calibration, NetworkSpec, Study

SPEC = InputSpec(1, 8, 8)
HUNDRED = Calibration(n=100)


class Tiny(nn.Module):
    """(N, 1, 8, 8) -> (N, 4), 112 weights in three layers; the activation has none."""

    def __init__(self, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.stem, self.body = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.activation, self.head = activation or nn.ReLU(), nn.Linear(4, 4)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.body(torch.relu(self.stem(x)))).mean((2, 3))  # type: ignore[no-any-return]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))  # type: ignore[no-any-return]


def tiny(seed: int = 0, activation: nn.Module | None = None) -> Tiny:
    """Its head finds the nearest of the classes' mean features of `images`: a network at chance is refused."""
    torch.manual_seed(seed)
    network = Tiny(activation)
    pixels, labels = images()
    with torch.no_grad():
        found = network.features(torch.from_numpy(normalise(pixels, SPEC)))
        means = torch.stack([found[torch.from_numpy(labels == k)].mean(0) for k in range(4)])
        network.head.weight.copy_(2 * means)
        network.head.bias.copy_(-(means**2).sum(1))
    return network


def images(n: int = 250) -> tuple[Array, Array]:
    labels = np.arange(n) % 4
    noise = np.random.default_rng(0).integers(0, 64, (n, 8, 8, 1))
    return (noise + labels[:, None, None, None] * 60).astype(np.uint8), labels


def in_memory(n: int = 250, labelled: bool = True) -> InMemory:
    pixels, labels = images(n)
    return InMemory(pixels, labels if labelled else None)


def bench(run: RunFolder, progress: AbstractProgress | None = None, fresh: bool = False, **fields: Any) -> Bench:
    """Of the study below, `fields` of which are replaced."""
    return Bench(study(**fields), run, progress or Silent(), fresh)


def prepared(
    folder: Path,
    model: AbstractModel | nn.Module | None = None,
    dataset: AbstractDataset | None = None,
    spec: NetworkSpec | None = None,
    seed: int = 0,
    fresh: bool = False,
    **fields: Any,
) -> Prepared:
    """As `prepare_objects` gives it; `fields` replace some of the spec's."""
    module = model if model is not None else tiny()
    source = Wrapped(module, SPEC) if isinstance(module, nn.Module) else module
    wanted = replace(spec or NetworkSpec("Tiny", "in memory"), **fields)
    with RunFolder(folder) as run:
        return prepare_objects(bench(run, fresh=fresh, seed=seed), source, dataset or in_memory(), wanted)


def variant(network: Prepared, recipe: str = "w8a8", target: str = "litert") -> Variant:
    return Variant(f"{target}-{recipe}", network, recipe, target, HUNDRED)


def study(**fields: Any) -> Study:
    return replace(Study("sample", calibration=(HUNDRED,), network=(NetworkSpec("Tiny", "in memory"),)), **fields)
