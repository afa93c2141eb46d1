"""Small valid files of every format that edgequant reads, written once: what the fuzzers damage."""

from __future__ import annotations

import json
import pickle
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured
from edgequant.models.architectures.micro_cnn import MicroCNN
from edgequant.models.sources.keras.package import import_keras
from edgequant.models.weights import save_weights
from edgequant.quantization.build import build, observed_tensors
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve
from edgequant.store.folder import RunFolder
from edgequant.tasks.classify import pack_hits
from report_sample import results

SPEC = InputSpec(3, 12, 12)
STUDY = """
title = "a study"
recipes = ["float32", "w8a8", "w4a8+adaround:iterations=10"]
targets = ["litert", "onnxruntime"]
max_drop = 0.5
calibration = [{ method = "percentile:q=99.9", n = 100, seed = 1 }]
[[network]]
model = "micro_cnn"
data = "digits"
train = { epochs = 2, batch = 64, augment = ["crop"], crop_padding = 1 }
[[criteria]]
name = "answers"
variant = "litert-w8a8"
metric = "top1"
at_least = 0.5
"""
RECIPE = """
base = "w4a8"
name = "mine"
[[rules]]
where = "features.*"
weight_bits = 4
activation_bits = 8
[[rules]]
where = "op:linear"
float = true
reason = "small"
"""


class Net(nn.Module):
    """A convolution, a depthwise one, a pooling, a sum and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.head = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu6(self.stem(x))
        x = F.max_pool2d(x + self.depthwise(x), 2)
        return self.head(x.mean((2, 3)))  # type: ignore[no-any-return]


def make(folder: Path) -> None:
    """All of them, in `folder`; the same bytes each time."""
    torch.manual_seed(0)
    _networks(folder, capture(Net(), SPEC, tuple("abcde")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.export's and Keras' own making
        _exported(folder)
        _keras(folder)
    _weights(folder)
    _data(folder)
    _images(folder)
    _texts(folder)


def _networks(folder: Path, network: Captured) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 12, 3), np.uint8)
    for target, suffix in (("litert", "tflite"), ("onnxruntime", "onnx")):
        backend = BACKENDS.build(target)
        for recipe in ("float32", "w8a8", "w4a8", "dynamic-w8"):
            parsed = parse_recipe(recipe)
            plan = resolve(network.program, parsed, target, backend.capability)
            wanted = observed_tensors(network, plan) if parsed.kind == "static" else ()
            found = collect(network, [pixels], MinMax(), wanted) if wanted else {}
            backend.lower(build(network, plan, found), folder / f"{recipe}.{suffix}")


def _exported(folder: Path) -> None:
    batch = ({0: torch.export.Dim("n", min=1, max=64)},)
    torch.export.save(torch.export.export(Net().eval(), (torch.zeros(2, 3, 12, 12),), dynamic_shapes=batch), folder / "net.pt2")  # fmt: skip  # noqa: E501


def _keras(folder: Path) -> None:
    keras = import_keras()
    layers = keras.layers
    body = [layers.Rescaling(1 / 127.5, -1.0), layers.Conv2D(4, 3, strides=2, padding="same"), layers.ReLU(6.0)]
    tail = [layers.GlobalAveragePooling2D(), layers.Dense(5)]
    keras.Sequential([keras.Input((12, 12, 3)), *body, *tail]).save(folder / "net.keras")
    keras.Sequential([keras.Input((12, 12, 3)), *body, *tail]).save(folder / "net.h5")


def _weights(folder: Path) -> None:
    network = MicroCNN().build(InputSpec(1, 8, 8), 10)
    save_weights(network, folder / "weights.safetensors")
    torch.save(network.state_dict(), folder / "weights.pt")


def _data(folder: Path) -> None:
    rng = np.random.default_rng(0)
    digits, labels = rng.integers(0, 256, (40, 8, 8, 1), np.uint8), np.arange(40) % 10
    np.savez(folder / "arrays.npz", images=digits, labels=labels, class_names=np.array([f"c{k}" for k in range(10)]))
    np.savez_compressed(folder / "packed.npz", x_train=digits, y_train=labels, x_test=digits, y_test=labels)
    (folder / "images.idx").write_bytes(bytes((0, 0, 8, 3)) + struct.pack(">3I", 40, 8, 8) + digits.tobytes())
    batch = {b"data": rng.integers(0, 256, (10, 3072), np.uint8), b"labels": list(range(10))}
    (folder / "batch.cifar").write_bytes(pickle.dumps(batch, 4))
    (folder / "meta.cifar").write_bytes(pickle.dumps({b"label_names": [b"class %d" % k for k in range(10)]}, 4))


def _images(folder: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 14, 3), np.uint8)
    for suffix in ("png", "jpg", "gif", "webp", "tif", "bmp", "ppm"):
        Image.fromarray(pixels).save(folder / f"image.{suffix}")


def _texts(folder: Path) -> None:
    (folder / "study.toml").write_text(STUDY)
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "synsets.txt").write_text("n01440764 tench\nn01443537 goldfish\n")
    for name in ("results.json", "right.json"):
        (folder / name).write_text(json.dumps(record()))
    with RunFolder(folder / "run") as run:
        (run.step("one", {}, lambda _: {"x": 1}).folder / "value.json").rename(folder / "value.json")


def record() -> dict[str, Any]:
    """A results.json of two variants, with the answers image by image."""
    found = results()
    found["variants"] = [v for v in found["variants"] if v["model"] == "micro_cnn"][:3]
    for variant in found["variants"]:
        variant["layers"] = variant.get("layers", [])[:2]
        if variant.get("n"):
            variant["hits"] = pack_hits(np.arange(variant["n"]) % 3 > 0)
    return found
