"""What every tool is given: the trained network as float.pt2, and 500 calibration images in calibration.npz.

Runs in edgequant's environment. `float.pt2` is torch.export's file, batch 1, (1, C, H, W) float32 normalised in;
`batched.pt2` the same network for any batch.
`calibration.npz`: `x` (500, C, H, W) float32, as the network takes them; `pixels` (500, H, W, C) uint8, the same
images; `indices` (500,), which images of CIFAR-10's training set they are.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from networks import DATA, IMAGES, SEED, SUBJECTS, Subject

from edgequant.catalog import DATASETS
from edgequant.core.preprocess import normalise
from edgequant.data.draw import calibration_subset
from edgequant.models.weights import load_weights
from edgequant.study.networks.network import load_data
from edgequant.study.networks.sources import build_model


def kept(subject: Subject) -> Path:
    """Where the project keeps its weights."""
    return Path(str(resources.files("edgequant.models.architectures"))) / "kept" / subject.weights


def prepare(subject: Subject, folder: Path) -> None:
    model = build_model(subject.model.format(data=os.environ["EDGEQUANT_DATA"]))
    inputs, splits = load_data(model, DATASETS.build(DATA))
    module = model.build(inputs, len(splits.classes)).eval()
    if subject.weights:
        load_weights(module, kept(subject))
    images = calibration_subset(splits.train, IMAGES, SEED)
    pixels = images.take(np.arange(IMAGES))
    x = normalise(pixels, inputs)
    np.savez(folder / "calibration.npz", x=x, pixels=pixels, indices=images.indices)
    torch.export.save(torch.export.export(module, (torch.from_numpy(x[:1]),)), folder / "float.pt2")
    batch = ({0: torch.export.Dim.DYNAMIC},)
    torch.export.save(
        torch.export.export(module, (torch.from_numpy(x[:2]),), dynamic_shapes=batch), folder / "batched.pt2"
    )
    with torch.inference_mode():
        np.save(folder / "scores.npy", module(torch.from_numpy(x[:16])).numpy())
    (folder / "inputs.json").write_text(json.dumps({"inputs": asdict(inputs), "classes": splits.classes}))


if __name__ == "__main__":
    name, target = sys.argv[1:]
    Path(target).mkdir(parents=True, exist_ok=True)
    prepare(SUBJECTS[name], Path(target))
