"""The published ResNet-20 of the benchmarks: its weights fit, it is captured, and it knows CIFAR-10's images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from edgequant.catalog import DATASETS
from edgequant.core.arrays import only
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.study.networks.network import load_data
from edgequant.study.networks.sources import build_model

FILE = Path(__file__).parents[2] / "benchmarks" / "resnet20.py"
DATA = Path(os.environ.get("EDGEQUANT_DATA", "."))
HERE = (DATA / "weights" / "resnet20_cifar10").is_dir() and (DATA / "cifar-10-batches-py").is_dir()


@pytest.mark.skipif(not HERE, reason="EDGEQUANT_DATA has no CIFAR-10 and no weights of ResNet-20")
def test_it_is_the_published_network() -> None:
    model = build_model(f"{FILE}:make")
    inputs, splits = load_data(model, DATASETS.build("cifar10"))
    assert inputs.mean == (0.485, 0.456, 0.406) and splits.test is not None and splits.test.labels is not None
    module = model.build(inputs, 10).eval()
    assert sum(weight.numel() for weight in module.parameters()) == 269_722  # He et al.: 0.27 million
    images = torch.from_numpy(normalise(splits.test.take(np.arange(100)), inputs))
    network = capture(module, inputs, splits.classes).network
    with torch.no_grad():
        answers = only(network(images)).argmax(1).numpy()
    assert (answers == splits.test.labels[:100]).mean() > 0.85
