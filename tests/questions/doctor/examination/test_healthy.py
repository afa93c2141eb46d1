"""Healthy files are left in peace: real networks on real data, on both targets, and a file of another tool."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from doctor_samples import Clinic
from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS
from edgequant.data.calibration.checks import check_calibration
from edgequant.data.draw import calibration_subset
from edgequant.quantization.build import build, observable
from edgequant.questions.doctor.case import Case
from edgequant.questions.doctor.examination.examine import examine
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve
from edgequant.store.folder import RunFolder
from edgequant.study.bench import Bench
from edgequant.study.networks.network import prepare
from edgequant.study.prepared import Prepared
from edgequant.study.study import NetworkSpec, Study, load_study

ROOT = Path(os.environ.get("EDGEQUANT_DATA", "absent"))
MLPERF = ROOT / "weights/mlperf_tiny_resnet8"
needs_data = pytest.mark.skipif(not MLPERF.is_dir(), reason="real data and weights are not here ($EDGEQUANT_DATA)")


@pytest.mark.parametrize("target", ["litert", "onnxruntime"])
def test_a_well_made_file_and_its_calibration_set(target: str, patient: Clinic) -> None:
    file = patient.file(patient.reference(target=target), target, f"healthy-{target}")
    record = patient.see(file, calibration=patient.keep("good", *patient.calibration()))
    assert record["healthy"] and not record["unseen"] and record["outputs"]["agreement"] > 0.97
    assert patient.see(file, samples=300)["healthy"]


@needs_data
def test_mlperfs_own_int8_file_against_its_float_one(tmp_path: Path) -> None:
    floats, file = MLPERF / "pretrainedResnet.tflite", MLPERF / "pretrainedResnet_quant.tflite"
    case = Case(str(floats), file, "cifar10", float_mean=0, float_std=1 / 255)
    record = examine(case, tmp_path)
    assert record["healthy"] and record["tensors"] and not record["unseen"], record
    assert record["outputs"]["agreement"] > 0.95


def prepared(network: str, folder: Path) -> tuple[str, int, Prepared]:
    """(what a user types, which network of the study, the network)."""
    if network == "resnet8":
        source = f"resnet8:{MLPERF / 'pretrainedResnet.h5'}"
        spec, number, seed = NetworkSpec(model=source, data="cifar10"), 0, 0
    else:
        name, _, place = network.partition(":")
        source, number, study = name, int(place), load_study(name)
        spec, seed = study.network[number], study.seed
    with RunFolder(folder) as run:
        return source, number, prepare(Bench(Study(seed=seed), run), spec)


@needs_data
@pytest.mark.soak
@pytest.mark.parametrize("network", ["micro:0", "micro:1", "micro:2", "resnet8", "digits:0"])
def test_five_networks_on_both_targets(network: str, tmp_path: Path) -> None:
    """micro_cnn on MNIST, standard_cnn and micro_cnn on CIFAR-10, MLPerf's ResNet-8, micro_cnn on the digits."""
    source, number, made = prepared(network, tmp_path)
    subset = calibration_subset(made.splits.train, 500, 0)
    assert all(check.met for check in check_calibration(subset, made.splits, made.captured.inputs))
    images = (batch for batch, _ in subset.batches(50))
    observers = collect(made.captured, images, MinMax(), observable(made.captured.program))
    for target in ("litert", "onnxruntime"):
        backend: Any = BACKENDS.build(target)
        plan = resolve(made.captured.program, parse_recipe("w8a8"), target, backend.capability)
        path = tmp_path / f"file{backend.capability.suffix}"
        backend.lower(build(made.captured, plan, observers), path)
        data = "" if network != "resnet8" else "cifar10"
        record = examine(Case(source, path, data, samples=500, network=number), tmp_path)
        assert record["healthy"] and not record["unseen"], record["findings"]
