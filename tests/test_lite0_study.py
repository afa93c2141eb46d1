"""The study efficientnet-lite0-val1300 as it stands, run small: a generated folder, random weights, small images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgequant
from edgequant.study.study import Calibration, load_study


def folder(root: Path, classes: int = 4, each: int = 55) -> None:
    """An image folder in the layout of imagenet-val1300: brightness is the class; five classes, of which four occur."""
    names = [f"n{i:08d}" for i in range(classes + 1)]
    rng = np.random.default_rng(0)
    for label, name in enumerate(names[:classes]):
        (root / "imagenet-val1300" / name).mkdir(parents=True)
        for i in range(each):
            pixels = (rng.integers(0, 60, (36, 40, 3)) + 60 * label).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / "imagenet-val1300" / name / f"{name}_{i}.JPEG")
    (root / "imagenet-val1300-synsets.txt").write_text("\n".join(names) + "\n")


def test_it_runs_and_says_that_its_weights_are_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "data")
    monkeypatch.setenv("EDGEQUANT_DATA", str(tmp_path / "data"))
    study = load_study("efficientnet-lite0-val1300")
    assert study.recipes == ("float32", "float16", "w8a8", "w8a16", "w4a8", "w4a8+adaround")
    assert study.calibration == (Calibration("minmax", 300),) and study.network[0].model == "efficientnet_lite0"
    network = replace(study.network[0], model="efficientnet_lite0:size=48", weights="random")
    small = replace(study, recipes=("float32", "w8a8"), network=(network,), calibration=(Calibration(n=100),), quick=24)
    found = edgequant.run(small, tmp_path / "out").results
    assert [v["status"] for v in found["variants"]] == ["ok", "ok"], [v["reason"] for v in found["variants"]]
    assert {v["parity"]["gate"] for v in found["variants"]} == {"passed"} and len(found["criteria"]) == 3
    assert "random" in (tmp_path / "out" / "report.md").read_text()
