"""A small world of files that a study reads, and runs in it whose measurements are known in advance.

Milliseconds and peak memory are made up here, of what ran the file: versions, processor and cores. So a figure that
was kept under other versions is seen at once, and two runs of one world are equal to the digit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgequant import api
from edgequant.core.errors import EdgequantError
from edgequant.measure.memory import PeakMemory
from edgequant.store import surroundings
from edgequant.store.folder import RunFolder
from edgequant.study.answering import elsewhere as study_devices
from edgequant.study.answering import runtime as judge
from edgequant.study.running import execution
from edgequant.study.study import Calibration, NetworkSpec, Study

NET = """
import torch
from torch import nn
from norm import MEAN, normal
import norm

GAIN = 1.5
SHIFT = torch.tensor([0.1, -0.2, 0.3, 0.0]).view(1, 4, 1, 1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.first = nn.Conv2d(1, 4, 3, stride=1, padding=1)
        self.bn = nn.BatchNorm2d(4, eps=1e-3)
        self.second = nn.Conv2d(4, 6, 3, padding=1)
        self.head = nn.Linear(6, 4)
        self.dropout = nn.Dropout(0.1)
        self.slope = 0.1
        self.bn.running_var.fill_(0.01)
        self.register_buffer("offset", torch.tensor(0.05), persistent=False)

    def forward(self, x):
        x = self.bn(self.first(normal(x)))
        x = torch.relu(x * GAIN + SHIFT)
        x = torch.relu(self.second(x) + self.offset)
        return self.head(self.dropout(x.mean((2, 3))))


def make():
    return Net()


make.input_spec = {"channels": 1, "height": 8, "width": 8, "mean": (0.5,), "std": (0.5,)}
"""
NORM = """
from scale import STD

MEAN = 0.25


def normal(x):
    return (x - MEAN) / STD
"""
SCALE = "STD = 0.75\n"
RECIPE = 'base = "w8a8"\n[[rules]]\nwhere = "first"\nweight_bits = 8\n'
PARTS = """
from dataclasses import dataclass
from typing import final

import numpy as np

from edgequant.calibrate.calibrator import AbstractCalibrator, AbstractObserver
from edgequant.data.dataset import AbstractDataset
from edgequant.refine.refiner import Corrects
from edgequant.data.classes.arrays import from_arrays
from edgequant.refine.bias_correct import BiasCorrect

CLIP = 0.9


@dataclass
class Seen(AbstractObserver):
    low: float = 0.0
    high: float = 0.0

    def update(self, values):
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    def range(self, bits, symmetric):
        return CLIP * self.low, CLIP * self.high


@final
@dataclass(frozen=True)
class Clipped(AbstractCalibrator):
    def observer(self):
        return Seen()


def images_of(n):
    return n // 2


@final
@dataclass(frozen=True)
class Corrected(Corrects):
    images: int = 100

    def reference(self, reference, images, tick):
        return BiasCorrect(images_of(self.images)).reference(reference, images, tick)


@final
@dataclass(frozen=True)
class Noise(AbstractDataset):
    def image_shape(self):
        return (1, 8, 8)

    def load(self, inputs):
        rng = np.random.default_rng(3)
        return from_arrays(rng.integers(0, 256, (150, 8, 8, 1), np.uint8), None)
"""
FILES = {"net.py": NET, "norm.py": NORM, "scale.py": SCALE, "mixed.toml": RECIPE, "world_parts.py": PARTS}
UNTIMED = ("seconds", "conditions")


def pixels(n: int = 150, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (n, 8, 8, 1), np.uint8)


@dataclass
class World:
    """The folder of the files, and how the study asks for them. Mutations change either."""

    folder: Path
    patch: pytest.MonkeyPatch
    model: str = "net.py:make"
    data: str = "arrays:data.npz"
    recipes: tuple[str, ...] = ("float32", "w8a8")
    options: dict[str, Any] = field(default_factory=dict)  # of the network
    study: dict[str, Any] = field(default_factory=dict)
    calibration: tuple[Calibration, ...] = (Calibration("minmax", 100),)
    made: list[str] = field(default_factory=list)  # the steps of the last run

    def write(self) -> None:
        for name, text in FILES.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        self.images(pixels())

    def images(self, images: Any, labels: Any = None, **more: Any) -> None:
        """`more`: test images, and their labels."""
        known = {} if labels is None else {"labels": labels}
        np.savez(self.folder / "data.npz", images=images, **known, **more)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old)
        (self.folder / name).write_text(text.replace(old, new), encoding="utf-8")
        if name == "world_parts.py":  # as the next process would import it
            self.parts()

    def parts(self) -> None:
        importlib.invalidate_caches()
        sys.modules.pop("world_parts", None)

    def asked(self) -> Study:
        spec = NetworkSpec(model=self.model, data=self.data, **self.options)
        given = {"name": "world", "recipes": self.recipes, "calibration": self.calibration, "max_drop": -100.0}
        return Study(network=(spec,), **{**given, **self.study})

    def run(self, out: Path) -> dict[str, Any]:
        """Figures and files of a run into `out`, or the words in which it was refused; `made` counts its steps."""
        self.made.clear()
        with counted(self.patch, self.made):
            try:
                found = api.run(self.asked(), out).results
            except EdgequantError as error:
                return {"refused": str(error)}
        return {"figures": figures(found), "files": files(out)}


def figures(results: Mapping[str, Any]) -> Any:
    """All of results.json but when it was, and how long things took."""
    found = json.loads(json.dumps(results))
    del found["environment"]
    for variant in found["variants"]:
        for key in UNTIMED:
            variant.pop(key, None)
    return found


def files(out: Path) -> dict[str, str]:
    """sha256 by name of what lies in a run folder, the steps and what tells the time left out."""
    apart = {"results.json", "files.json", ".lock"}
    every = [p for p in out.rglob("*") if p.is_file() and "steps" not in p.relative_to(out).parts]
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in every if p.name not in apart}


class counted:
    """While it is entered, the names of the steps that are made."""

    def __init__(self, patch: pytest.MonkeyPatch, made: list[str]) -> None:
        self.patch, self.made, self.step = patch, made, RunFolder.step

    def __enter__(self) -> None:
        def step(run: RunFolder, name: str, inputs: Any, make: Any, scratch: bool = False) -> Any:
            done = self.step(run, name, inputs, make, scratch)
            if not done.cached:
                self.made.append(name)
            return done

        RunFolder.step = step  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        RunFolder.step = self.step  # type: ignore[method-assign]


def figure(*what: object) -> float:
    """A number in 1..2 made of words."""
    return 1 + int(hashlib.sha256(repr(what).encode()).hexdigest()[:8], 16) / 2**32


def ran_by() -> str:
    return json.dumps(surroundings.measuring(), sort_keys=True)


def measurements(patch: pytest.MonkeyPatch) -> None:
    """Figures that are those of what ran the file, in place of measured ones; and no pictures."""

    def timed(ms: float, threads: int) -> dict[str, Any]:
        return {"p50": ms, "p90": ms, "p99": ms, "mean": ms, "runs": 10, "threads": threads,
                "p50_ci95": [ms, ms], "p90_ci95": [ms, ms], "p99_ci95": [ms, ms], "outliers": 0}  # fmt: skip

    def benchmark(sessions: Any, image: Any, threads: int, **_: Any) -> dict[str, Any]:
        seen = hashlib.sha256(image.tobytes()).hexdigest()
        return {name: timed(figure(ran_by(), threads, seen), threads) for name in sessions}

    def elsewhere(_: Any, sent: Any, image: Any, *__: Any) -> dict[str, Any]:
        seen = hashlib.sha256(image.tobytes()).hexdigest()
        one = {"latency_ms": timed(figure(ran_by(), seen), 1), "kernels": None}
        return {"machine": {}, "conditions": {}, "files": [one for _ in sent]}

    patch.setattr(judge, "benchmark", benchmark)
    patch.setattr(study_devices, "benchmark_on", elsewhere)
    patch.setattr(judge, "eager_latency", lambda module, image, threads: timed(figure(ran_by(), str(module)), threads))
    patch.setattr(judge, "peak_memory", lambda *_: PeakMemory(int(1000 * figure(ran_by()))))
    patch.setattr(judge, "conditions", dict)
    patch.setattr(execution, "render", lambda *_: [])


def replaced(world: World, **changes: Any) -> None:
    """Other options of the first calibration."""
    world.calibration = (dataclasses.replace(world.calibration[0], **changes), *world.calibration[1:])
