"""A shipped study as it stands, run small: tiny files in the data set's official format, one epoch of everything."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgequant
from edgequant.study.study import Calibration, NetworkSpec, Study, load_study

QAT = "qat:epochs=1,batch=32,augment="


def cifar100(root: Path, train: int = 240, test: int = 40) -> None:
    """CIFAR-100 in the official python format: brightness is the class, of the 100 names a few occur."""
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    names = {b"fine_label_names": [b"class %d" % i for i in range(100)], b"coarse_label_names": [b"all"] * 20}
    (folder / "meta").write_bytes(pickle.dumps(names))
    rng = np.random.default_rng(0)
    for name, n in (("train", train), ("test", test)):
        labels = [int(i) for i in np.arange(n) % 4]
        data = (rng.integers(0, 60, (n, 3072)) + 60 * np.array(labels)[:, None]).astype(np.uint8)
        (folder / name).write_bytes(pickle.dumps({b"data": data, b"fine_labels": labels, b"coarse_labels": [0] * n}))


def small(study: Study) -> Study:
    """One epoch, a quarter of the width, a hundred calibration images; QAT in one epoch too."""

    def recipes(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple("+".join(QAT if part == "qat" else part for part in name.split("+")) for name in names)

    def network(spec: NetworkSpec) -> NetworkSpec:
        assert spec.train is not None
        train = replace(spec.train, epochs=1, batch=64, resolutions=((0, 16),), augment=())
        return replace(spec, model="mobilenet_v2:width=0.25", train=train, then=(), recipes=recipes(spec.recipes))

    return replace(
        study,
        recipes=recipes(study.recipes),
        network=tuple(network(spec) for spec in study.network),
        calibration=(Calibration(n=100),),
    )


def test_mobilenetv2_on_cifar100(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar100(tmp_path / "data")
    monkeypatch.setenv("EDGEQUANT_DATA", str(tmp_path / "data"))
    found = edgequant.run(small(load_study("mobilenetv2-cifar100")), tmp_path / "out").results
    variants = {v["recipe"] + "".join(v["refine"]): v for v in found["variants"]}
    assert list(variants) == ["float32", "w8a8", "w8a8qat", "w4a8"]
    assert {v["status"] for v in variants.values()} == {"ok"}, [v["reason"] for v in variants.values()]
    assert {v["parity"]["gate"] for v in variants.values()} == {"passed"}
    assert variants["w8a8qat"]["seconds"]["refine"] > 0 and len(found["criteria"]) == 3
    report = (tmp_path / "out" / "report.md").read_text()
    assert "PTQ or QAT?" in report


def test_the_flagships_study_names_what_was_promised() -> None:
    study = load_study("mobilenetv2-cifar10")
    assert [c.n for c in study.calibration] == [500, 200, 1000]
    plain, simulated = study.network
    plainly = {re.sub(r":[^+]*", "", recipe) for recipe in (*study.recipes, *simulated.recipes)}
    assert {"w8a8", "w8a8+qat", "w8a8+qat+distill", "w4a4", "w4a4+qat", "w4a4+qat+distill"} <= plainly
    assert {"w4a8+adaround+qat", "w4a8+adaround+qat+distill"} <= plainly and plain.train == simulated.train
    (finetune,) = load_study("mobilenetv2-cifar10-finetune").network
    *before, last = finetune.then
    assert (finetune.train, tuple(before)) == (plain.train, plain.then) == (simulated.train, simulated.then)
    assert (last.optimizer, last.lr, last.batch, last.rotate, last.zoom) == ("adam", 5e-5, 32, 10.0, 0.1)
    assert set(last.augment) == {"flip", "rotate", "zoom"} and finetune.model == "mobilenet_v2:dropout=0.2"
