"""The studies on photographs, run small: every recipe of theirs, quantization-aware training included.

Random weights, so no accuracy means anything, and the report says so.
"""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgequant import api
from edgequant.study.study import load_study

pytestmark = pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="needs Keras")
CLASSES, TRAIN, VAL = 3, 8, 4


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """train/ and val/ in ImageNet's layout, JPEG files of several sizes."""
    for part, count in (("train", TRAIN), ("val", VAL)):
        for k in range(CLASSES):
            folder = tmp_path / "mini" / part / f"n0000000{k}"
            folder.mkdir(parents=True)
            for i in range(count):
                seed = np.random.default_rng((k, i, len(part)))
                pixels = seed.integers(0, 120, (30 + i, 44, 3)) + 60 * k
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{part}{k}_{i}.jpeg")
    return tmp_path / "mini"


def small(name: str, model: str, data: str, *more: str) -> list[str]:
    """Overrides: another size of the network, other images, one epoch of each training."""
    recipes = [r.replace("epochs=5", "epochs=1").replace("epochs=2", "epochs=1") for r in load_study(name).recipes]
    listed = ", ".join(f'"{recipe.replace("batch=32", "batch=8")}"' for recipe in recipes)
    sizes = ("calibration.n=12", "allow_few=true", "network.weights=random")
    return [f"recipes=[{listed}]", f"network.model={model}", f"network.data={data}", *sizes, *more]


def check(results: dict[str, Any], count: int) -> None:
    assert [v["status"] for v in results["variants"]] == ["ok"] * count, [v["reason"] for v in results["variants"]]
    assert {v["deployed"]["input"] for v in results["variants"]} == {"uint8"}
    assert "random" in " ".join(results["notes"])
    assert results["variants"][0]["recipe"] == "float32" and results["variants"][-1]["refine"] == ["qat"]
    for v in results["variants"]:
        assert v["parity"]["gate"] == "passed", (v["id"], v["parity"])


@pytest.mark.parametrize(
    ("name", "model", "count"),
    [
        ("mobilenetv2-imagenet", "keras:MobileNetV2,size=32,alpha=0.35", 5),
        pytest.param("efficientnetv2b0-imagenet", "keras:EfficientNetV2B0,size=32", 6, marks=pytest.mark.soak),
    ],
)
def test_a_study_on_photographs_runs_to_its_end(
    name: str, model: str, count: int, photographs: Path, tmp_path: Path
) -> None:
    data = f"imagefolder:{photographs},size=32"
    found = api.run(name, tmp_path / "run", overrides=small(name, model, data)).results
    check(found, count)
    assert found["variants"][0]["n"] == CLASSES * VAL


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        batch = {b"data": rng.integers(0, 256, (20, 3072), np.uint8), b"labels": [k % 10 for k in range(20)]}
        (folder / name).write_bytes(pickle.dumps(batch, 4))
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"%d" % k for k in range(10)]}, 4))
    monkeypatch.setenv("EDGEQUANT_DATA", str(tmp_path))


@pytest.mark.usefixtures("cifar")
def test_transfer_to_cifar_runs_to_its_end(tmp_path: Path) -> None:
    name, model = "keras-mobilenetv2-cifar10", "keras:MobileNetV2,size=32,alpha=0.35"
    shorter = ("network.transfer.epochs=2", "network.train.epochs=1")
    found = api.run(name, tmp_path / "run", overrides=small(name, model, "cifar10:size=32", *shorter)).results
    check(found, 3)
    assert "a new head of 10 classes on frozen features, 2 epochs" in " ".join(found["notes"])
    assert "Images are scaled to 32x32" in " ".join(found["notes"])


@pytest.mark.soak
@pytest.mark.usefixtures("cifar")
def test_a_pretrained_network_beside_one_from_scratch_runs_to_its_end(tmp_path: Path) -> None:
    overrides = ["calibration.n=12", "allow_few=true", "network.0.weights=random", "network.0.transfer.epochs=2"]
    overrides += ["network.1.train.lr=1e-5"]  # six steps: BatchNorm's averages would lag behind any faster one
    for k in range(2):
        overrides += [f"network.{k}.model=efficientnet_lite0:size=32,weights=random", f"network.{k}.train.epochs=1"]
        overrides += [f"network.{k}.data=cifar10:size=32", f"network.{k}.train.batch=16"]
    found = api.run("efficientnet-lite0-cifar10", tmp_path / "run", overrides=overrides).results
    ids = [f"pretrained-cifar10-litert-{recipe}" for recipe in ("float32", "w8a8")]
    assert [v["id"] for v in found["variants"]] == [*ids, "from-scratch-cifar10-litert-float32"]
    assert {(v["status"], v["parity"]["gate"]) for v in found["variants"]} == {("ok", "passed")}
    assert all(c["variant"] == ids[1] for c in found["criteria"])
