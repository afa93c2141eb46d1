"""Files and jobs that are small enough to be sent often."""

from __future__ import annotations

import functools
import io
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgequant.backends.litert.backend import LiteRT
from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS
from edgequant.core.arrays import Array
from edgequant.core.image import InputSpec
from edgequant.devices.device import Job
from edgequant.graph.capture.capture import capture
from edgequant.quantization.build import build, observed_tensors
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

SPEC = InputSpec(3, 8, 8)
CLASSES = tuple("abcd")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.conv(x)).mean((2, 3)))  # type: ignore[no-any-return]


def pixels(count: int = 30) -> Array:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


@functools.cache
def content(recipe: str = "w8a8", target: str = "litert") -> bytes:
    """A file's bytes."""
    torch.manual_seed(0)
    backend = BACKENDS.build(target)
    network = capture(Net().eval(), SPEC, CLASSES)
    plan = resolve(network.program, parse_recipe(recipe), target, backend.capability)
    tensors = observed_tensors(network, plan) if plan.tensors else ()
    reference = build(network, plan, collect(network, [pixels()], MinMax(), tensors))
    with tempfile.TemporaryDirectory() as folder:
        return backend.lower(reference, Path(folder, f"net{backend.capability.suffix}")).path.read_bytes()


def write(folder: Path, recipe: str = "w8a8", target: str = "litert", stem: str = "net") -> Path:
    path = folder / f"{stem}{BACKENDS.get(target).capability.suffix}"
    path.write_bytes(content(recipe, target))
    return path


def inputs(count: int = 3) -> Array:
    """What the w8a8 .tflite takes."""
    return (pixels(count).astype(np.int16) - 128).astype(np.int8)


def npy(value: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value)
    return buffer.getvalue()


def evaluation(count: int = 3, **options: object) -> Job:
    """Of the w8a8 .tflite on its own integers."""
    one = {"file": "0.tflite", "runtime": "litert", "options": {"delegate": LiteRT().delegate, **options}}
    spec = {"task": "evaluate", "phases": ["main"], "threads": 1, "files": [{**one, "input": "0.npy"}]}
    return Job(spec, {"0.tflite": content(), "0.npy": npy(inputs(count))})


def answers(files: dict[str, bytes]) -> Array:
    with np.load(io.BytesIO(files["outputs-0.npz"])) as archive:
        found: Array = archive["arr_0"]
    return found
