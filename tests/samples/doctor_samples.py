"""A small network on coloured digits, and files of it that were made well or badly."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS
from edgequant.core.arrays import Array
from edgequant.core.grid import QParams, WeightQ
from edgequant.core.image import InputSpec
from edgequant.core.preprocess import normalise
from edgequant.data.classes.arrays import Arrays
from edgequant.data.classes.digits import read_digits
from edgequant.data.draw import calibration_subset
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured
from edgequant.quantization.build import build, observable
from edgequant.quantization.reference import Reference
from edgequant.questions.doctor.case import Case
from edgequant.questions.doctor.examination.examine import examine
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve
from stated import SPEC as STATED

SPEC = InputSpec(3, 8, 8)
Mend = Callable[[str], Path]
NETWORK = """
from pathlib import Path

import torch
from stated import SPEC as STATED
from torch import nn


def fresh():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(24, 24, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10),
    )


def net():
    network = fresh()
    network.load_state_dict(torch.load(Path(__file__).with_name("net.pt"), weights_only=True))
    return network
"""

# A gate beside features that are 512 times as large as they need be: the layer behind divides them.
BRANCHED = """
from pathlib import Path

import torch
from torch import nn


class Branched(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.gate = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(3, 12, 3, padding=1)
        self.both = nn.Conv2d(24, 24, 3, 2, 1)
        self.head = nn.Linear(24, 10)

    def forward(self, x):
        x = torch.cat([torch.relu(self.features(x)), torch.sigmoid(self.gate(x))], 1)
        return self.head(torch.relu(self.both(x)).mean((2, 3)))


def fresh():
    torch.manual_seed(0)
    return Branched()


@torch.no_grad()
def spoil(network):
    for parameter in network.features.parameters():
        parameter.mul_(512)
    network.both.weight[:, :12].div_(512)


def net():
    network = fresh()
    network.load_state_dict(torch.load(Path(__file__).with_name("net.pt"), weights_only=True))
    return network
"""


def coloured() -> tuple[Array, Array]:
    """(1797, 8, 8, 3) digits in orange on a blue that fades downwards: no channel, side or level is like another."""
    grey, labels = read_digits()
    ink = grey[..., 0] / 255
    down = np.linspace(0.2, 0.7, 8)[:, None]
    image = np.stack([ink, 0.6 * ink + 0.1, down * (1 - ink)], -1) * 235
    noise = np.random.default_rng(0).normal(0, 4, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8), labels


def photographs(n: int = 300) -> Array:
    """(n, 8, 8, 3) pieces of scikit-learn's two photographs: another domain."""
    from sklearn.datasets import load_sample_images

    rng, photos = np.random.default_rng(0), load_sample_images().images
    pieces = []
    for number in range(n):
        photo = photos[number % 2][::4, ::4]
        top, left = (int(rng.integers(0, side - 8)) for side in photo.shape[:2])
        pieces.append(photo[top : top + 8, left : left + 8])
    return np.stack(pieces)


@dataclass(frozen=True)
class Clinic:
    """`source` and `data` are what a user would type."""

    folder: Path
    source: str
    data: str
    captured: Captured
    splits: Any

    def calibration(self, n: int = 300) -> tuple[Array, Array]:
        """A good calibration set and its labels."""
        subset = calibration_subset(self.splits.train, n, 0, allow_few=True)
        assert subset.labels is not None
        return subset.take(np.arange(n)), subset.labels

    def reference(self, images: Array | None = None, recipe: str = "w8a8", target: str = "litert") -> Reference:
        chosen = self.calibration()[0] if images is None else images
        observers = collect(self.captured, [chosen], MinMax(), observable(self.captured.program))
        plan = resolve(self.captured.program, parse_recipe(recipe), target, BACKENDS.build(target).capability)
        return build(self.captured, plan, observers)

    def file(self, reference: Reference, target: str = "litert", name: str = "file") -> Path:
        backend: Any = BACKENDS.build(target)
        path: Path = backend.lower(reference, self.folder / f"{name}{backend.capability.suffix}").path
        return path

    def keep(self, name: str, images: Array, labels: Array | None = None) -> str:
        """A calibration set on disk, as `--calibration` takes it."""
        path = self.folder / f"{name}.npz"
        np.savez(path, images=images, **({} if labels is None else {"labels": labels}))
        return str(path)

    def see(self, file: Path, **options: Any) -> dict[str, Any]:
        return examine(Case(self.source, file, self.data, **options), self.folder / "doctor")


def clinic(folder: Path, text: str = NETWORK) -> Clinic:
    """Trained here, in seconds, to about 95% on validation. `text` may define `spoil`, for the trained network."""
    (folder / "net.py").write_text(text)
    images, labels = coloured()
    np.savez(folder / "digits.npz", images=images, labels=labels)
    scope: dict[str, Any] = {}
    exec(text, scope)
    splits = Arrays(str(folder / "digits.npz")).load(SPEC)
    network = scope["fresh"]()
    _train(network, splits.train)
    scope.get("spoil", lambda _: None)(network)
    torch.save(network.state_dict(), folder / "net.pt")
    captured = capture(network.eval(), SPEC, splits.classes)
    return Clinic(folder, f"{folder / 'net.py'}:net,{STATED}", f"arrays:{folder / 'digits.npz'}", captured, splits)


def _train(network: torch.nn.Module, split: Any, steps: int = 400) -> None:
    x = torch.from_numpy(normalise(split.take(np.arange(len(split))), SPEC))
    y = torch.from_numpy(split.labels)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        chosen = torch.randint(0, len(x), (64,), generator=generator)
        loss = F.cross_entropy(network(x[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


def with_grid(reference: Reference, tensor: str, change: Callable[[QParams], QParams]) -> Reference:
    """A reference in which one tensor's grid is another."""
    changed = change(reference.activations[tensor])
    return dataclasses.replace(reference, activations={**reference.activations, tensor: changed})


def scaled(factor: float) -> Callable[[QParams], QParams]:
    """The grid of a range `factor` times as wide."""
    return lambda p: dataclasses.replace(p, scale=p.scale * factor)


def with_coarse_weights(reference: Reference, layer: str, factor: float) -> Reference:
    """One layer's weights in one scale for all channels, `factor` times too wide."""
    weight = reference.captured.network.layer(layer).weight.detach()
    scale = (weight.abs().max() / 127 * factor).reshape(1).expand(len(weight)).contiguous()
    shaped = scale.view(-1, *[1] * (weight.dim() - 1))
    q = torch.clamp(torch.round(weight / shaped), -127, 127).to(torch.int8)
    return dataclasses.replace(reference, weights={**reference.weights, layer: WeightQ(q, scale)})
