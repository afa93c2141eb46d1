"""A fault that is planted in what a file computes fails the variant, and is found where it was planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import edgequant
from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.onnxruntime.backend import OnnxRuntime
from edgequant.core.grid import WeightQ
from edgequant.quantization.reference import Reference
from edgequant.store.folder import RunFolder
from edgequant.study.making.variant import make
from edgequant.study.results import exit_status
from pipeline_samples import HUNDRED, bench, in_memory, prepared, tiny, variant
from stated import RAW


def faulty(reference: Reference) -> Reference:
    """The reference with an integer of one layer's weights changed, as a backend might do by mistake."""
    weights = dict(reference.weights)
    old = weights.get("body")
    if old is None:
        return reference
    q = old.q.clone()
    q[:, 0] = torch.where(q[:, 0] > 0, q[:, 0] - 100, q[:, 0] + 100)
    return replace(reference, weights={**weights, "body": WeightQ(q, old.scale, old.bits)})


@pytest.mark.parametrize(
    ("target", "backend", "recipe"),
    [
        ("litert", LiteRT, "w8a8"),
        ("onnxruntime", OnnxRuntime, "w8a8"),
        ("litert", LiteRT, "w8a8-conv-dense"),  # SiLU stays float: its gate is wider, and this still far outside
    ],
)
def test_a_planted_fault_is_located(
    target: str, backend: type, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lower = backend.lower
    monkeypatch.setattr(backend, "lower", lambda self, reference, path: lower(self, faulty(reference), path))
    data = in_memory()
    pair = (data.images, data.labels)
    network = tiny(activation=nn.SiLU())
    made = edgequant.quantize(
        network, pair, recipe, target, tmp_path / "out", calibration=HUNDRED, allow_few=True, **RAW
    )
    record = made.measurements
    assert record["status"] == "failed" and record["parity"]["gate"] == "failed"
    assert record["reason"].startswith("Parity missed: ") and "expected" in record["reason"]
    assert "the first layer that differs is body (conv2d)" in record["reason"] and "steps apart" in record["reason"]
    assert record["parity"]["first_difference"]["layer"] == "body"
    assert exit_status(made.run.results) == 1 and made.file is not None and made.file.exists()
    assert "body" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("recipe", "all_integer"), [("w8a8", True), ("w8a8-conv-dense", False)])
def test_what_stays_float_is_known(recipe: str, all_integer: bool, tmp_path: Path) -> None:
    network = prepared(tmp_path / "network", tiny(activation=nn.SiLU()))
    with RunFolder(tmp_path / "run") as run:
        assert make(bench(run), variant(network, recipe)).all_integer is all_integer


def test_a_fault_in_floats_has_figures_but_no_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lower = LiteRT.lower
    monkeypatch.setattr(LiteRT, "lower", lambda self, reference, path: lower(self, faulty(reference), path))
    data = in_memory()
    pair = (data.images, data.labels)
    made = edgequant.quantize(
        tiny(), pair, "w8", "litert", tmp_path / "out", calibration=HUNDRED, allow_few=True, **RAW
    )
    assert made.measurements["status"] == "failed"
    assert "w8 has no integer tensors to compare" in made.measurements["reason"]
    assert made.measurements["parity"]["first_difference"] is None
