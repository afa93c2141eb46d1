"""The Python API: what `quantize` takes, what it returns, and what it refuses."""

from __future__ import annotations

import copy
import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import edgequant
from edgequant import api
from edgequant.core.arrays import Array
from edgequant.core.errors import BadData, BadModel, BadOption, EdgequantError, Unsupported
from edgequant.core.image import InputSpec
from edgequant.study.study import Calibration, NetworkSpec, Study
from stated import RAW, taught

HUNDRED = Calibration(n=100)
# The contract of results.json, schema edgequant/1: keys are added, never renamed.
TOP = "schema study environment recommended variants criteria"
VARIANT = (
    "id name model data recipe refine calibration target device status reason baseline_id file sha256 bytes"
    " bytes_compressed bytes_estimated size_ratio n top1 top5 top1_ci95 hits drop drop_ci95 p_value latency_ms"
    " latency_ms_all_threads peak_memory_bytes arena_bytes kernels compression parity seconds layers"
)
INSIDE = {
    "calibration": "method n seed",
    "latency_ms": "p50 p90 p99 mean runs threads",
    "latency_ms_all_threads": "p50 p90 p99 mean runs threads",
    "kernels": "delegated total by",
    "compression": "model weights activations",
    "parity": "mode top1_agreement exact_fraction max_lsb max_abs gate",
    "seconds": "calibrate refine lower evaluate",
}
LAYER = "name op weight_bits activation_bits granularity fate reason"


class Small(nn.Module):
    """(N, 1, 8, 8) -> (N, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.conv(x)).mean((2, 3)))  # type: ignore[no-any-return]


class Pair(nn.Module):
    """Two results, or two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores = self.head(x.flatten(1))
        return scores, scores


class Both(Pair):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return self.head(x.flatten(1) + y.flatten(1))  # type: ignore[no-any-return]


def arrays(n: int = 200) -> tuple[Array, Array]:
    """(n, 8, 8, 1) uint8 whose brightness tells the class, and (n,) labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 4
    return (rng.integers(0, 64, (n, 8, 8, 1)) + labels[:, None, None, None] * 60).astype(np.uint8), labels


def small() -> Small:
    torch.manual_seed(0)
    network = Small()
    taught(network, *arrays(), InputSpec(1, 8, 8))
    return network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api") / "out"


@pytest.fixture(scope="module")
def given() -> Small:
    return small().train()


@pytest.fixture(scope="module")
def before(given: Small) -> dict[str, torch.Tensor]:
    return copy.deepcopy(given.state_dict())


@pytest.fixture(scope="module")
def result(folder: Path, given: Small, before: dict[str, torch.Tensor]) -> api.Result:  # noqa: ARG001 - taken first
    return edgequant.quantize(given, arrays(), out=folder, calibration=HUNDRED, **RAW)


def test_the_file_is_what_was_measured(result: api.Result, folder: Path) -> None:
    assert result.file is not None and result.file.is_file() and result.file.parent == folder / "artifacts"
    content = result.file.read_bytes()
    assert result.measurements["bytes"] == len(content)
    assert result.measurements["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_record_follows_the_published_schema(result: api.Result) -> None:
    import jsonschema

    schema = json.loads((resources.files("edgequant.report") / "results.schema.json").read_text())
    jsonschema.validate(result.run.results, schema)
    described = schema["properties"]["variants"]["items"]["properties"]
    assert set(VARIANT.split()) <= set(described), "every key of the contract is in the schema"


def test_the_report_is_a_page(result: api.Result) -> None:
    text = result.report().read_text(encoding="utf-8")
    assert result.report().suffix == ".html" and "<html" in text and "litert-w8a8" in text


def test_the_measurements_hold_every_key_of_the_contract(result: api.Result) -> None:
    assert set(TOP.split()) <= set(result.run.results) and result.run.results["schema"] == "edgequant/1"
    for variant in result.run.results["variants"]:
        assert set(VARIANT.split()) <= set(variant), variant["id"]
        for key, inner in INSIDE.items():
            assert set(inner.split()) <= set(variant[key]), key
        assert all(set(LAYER.split()) <= set(layer) for layer in variant["layers"])
        assert [layer["name"] for layer in variant["layers"]] == ["conv", "head"]


def test_the_measurements_are_of_the_whole_test_split_in_the_runtime(result: api.Result) -> None:
    m = result.measurements
    assert (m["id"], m["name"], m["recipe"], m["refine"], m["status"]) == ("litert-w8a8", "w8a8", "w8a8", [], "ok")
    assert (m["model"], m["data"], m["target"], m["device"]) == ("Small", "in memory", "litert", "local")
    assert m["calibration"] == {"method": "minmax", "n": 100, "seed": 0}
    assert m["n"] == 40 and 0 <= m["top1_ci95"][0] <= m["top1"] <= m["top1_ci95"][1] <= 1
    assert m["parity"]["mode"] == "integer" and m["parity"]["gate"] == "passed" and m["parity"]["exact_fraction"] == 1
    assert {layer["fate"] for layer in m["layers"]} == {"quantized"}
    assert m["peak_memory_bytes"] > 0 and m["latency_ms"]["threads"] == 1 and m["latency_ms"]["p50"] > 0


def test_it_is_compared_with_its_own_float32(result: api.Result) -> None:
    base, ours = result.run.results["variants"]
    assert (base["id"], ours["baseline_id"], base["baseline_id"]) == ("litert-float32",) * 3
    assert ours["size_ratio"] == base["bytes"] / ours["bytes"] == ours["compression"]["model"]
    assert ours["drop"] == pytest.approx(100 * (base["top1"] - ours["top1"]))
    assert (base["drop"], base["size_ratio"], base["p_value"]) == (0, 1, 1)
    weights, channels = 9 * 8 + 8 * 4, 8 + 4
    assert ours["compression"]["weights"] == pytest.approx(32 * weights / (8 * weights + 32 * channels))
    assert ours["compression"]["activations"] == 4


def test_the_callers_network_is_left_alone(result: api.Result, given: Small, before: dict[str, torch.Tensor]) -> None:
    assert result.file and given.training
    assert all(torch.equal(value, before[name]) for name, value in given.state_dict().items())


def test_a_loader_of_pairs_gives_what_the_arrays_gave(result: api.Result, given: Small, folder: Path) -> None:
    images, labels = arrays()
    loader = [(torch.from_numpy(images[i : i + 64]), torch.from_numpy(labels[i : i + 64])) for i in range(0, 200, 64)]
    again = edgequant.quantize(given, iter(loader), out=folder, calibration=HUNDRED, **RAW)
    assert again.measurements == result.measurements, "the same work: it was found done"


def test_unlabelled_images_give_a_file_and_no_accuracy(tmp_path: Path) -> None:
    found = edgequant.quantize(small(), (arrays()[0], None), out=tmp_path / "out", calibration=HUNDRED, **RAW)
    m = found.measurements
    assert found.file is not None and found.file.is_file() and m["status"] == "ok"
    assert {m[key] for key in ("top1", "top5", "drop", "p_value", "validation_top1")} == {None}
    assert m["reason"] == "unlabelled" and m["n"] == 200
    assert m["parity"]["gate"] == "passed", "that the file computes what was promised needs no labels"
    assert m["agreement"].keys() == {"value", "ci95", "n"} and m["agreement"]["n"] == 200 and m["validation"] is None
    assert m["fidelity"].keys() == {"output0"} and m["fidelity"]["output0"].keys() == {"sqnr_db", "cosine", "max_abs"}
    assert m["fidelity"]["output0"]["max_abs"] > 0 and "same images" in m["caution"]
    why = found.run.results["recommendation_reason"]
    assert any(word in why for word in ("There are no labels", "shows nothing", "no smaller file was made"))


def test_names_and_a_recipe_alone(tmp_path: Path) -> None:
    found = edgequant.quantize("micro_cnn:width=0.5", "digits", "float32", weights="random", out=tmp_path, quick=30)
    assert [v["id"] for v in found.run.results["variants"]] == ["litert-float32"]
    assert found.measurements["n"] == 30 and found.measurements["parity"]["mode"] == "float"
    assert "random: no accuracy means anything" in found.run.results["notes"][0]


def test_a_simulation_has_no_file_and_an_estimate(tmp_path: Path) -> None:
    found = edgequant.quantize(small(), arrays(), "w3a5", "simulation", tmp_path / "out", calibration=HUNDRED, **RAW)
    m = found.measurements
    assert found.file is None and m["file"] is None and m["bytes"] is None and m["bytes_estimated"] > 0
    assert m["latency_ms"] is None and m["parity"] is None and m["top1"] is not None


def refused(error: type[EdgequantError], message: str, out: Path, *words: Any, **options: Any) -> None:
    """Refused with one line, and no folder left."""
    with pytest.raises(error, match=message) as info:
        edgequant.quantize(*words, out=out / "run", **options)
    assert "\n" not in str(info.value).strip() and not (out / "run").exists()


@pytest.mark.parametrize(
    ("recipe", "target", "message"),
    [
        ("w3a8-all", "litert", "no 3-bit weights"),
        ("w8a6-all", "litert", "6-bit activations"),
        ("dynamic-w8", "simulation", "cannot run dynamic-w8"),
    ],
)
def test_what_the_target_cannot_run_is_refused_at_once(recipe: str, target: str, message: str, tmp_path: Path) -> None:
    refused(Unsupported, message, tmp_path, small(), arrays(), recipe, target, calibration=HUNDRED, **RAW)


def test_networks_of_several_inputs_or_outputs_are_refused(tmp_path: Path) -> None:
    refused(BadModel, "gives 2 results", tmp_path, Pair(), arrays(), **RAW)
    refused(BadModel, "takes several inputs", tmp_path, Both(), arrays(), **RAW)


def test_a_network_with_nan_in_it_is_refused(tmp_path: Path) -> None:
    network = small()
    network.head.weight.data[0, 0] = torch.nan
    refused(BadModel, "NaN", tmp_path, network, arrays(), **RAW)


def test_a_network_of_other_classes_than_the_labels_is_refused(tmp_path: Path) -> None:
    refused(
        BadModel, "scores 4 classes and the data set has 5", tmp_path, small(), (arrays()[0], np.arange(200) % 5), **RAW
    )


def test_a_named_network_needs_labels_and_weights(tmp_path: Path) -> None:
    refused(BadModel, "how many classes", tmp_path, "micro_cnn", (arrays()[0], None), weights="random")
    refused(BadModel, "no weights of its own", tmp_path, "micro_cnn", "digits")


def test_too_few_images_are_refused_and_can_be_allowed(tmp_path: Path) -> None:
    refused(
        BadData, "50 calibration images are too few", tmp_path, small(), arrays(), calibration=Calibration(n=50), **RAW
    )
    many = Calibration(n=500)
    refused(BadData, "the split they are drawn from has 120", tmp_path, small(), arrays(), calibration=many, **RAW)
    few, options = Calibration(n=20), {"quick": 10, "out": tmp_path / "out", **RAW}
    found = edgequant.quantize(small(), arrays(), "w8a8", "simulation", calibration=few, allow_few=True, **options)
    assert [c["met"] for c in found.measurements["calibration_checks"] if c["name"] == "images"] == [False]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (5, "int and cannot be read"),
        ([], "list and cannot be read"),
        ([5], "cannot be read"),
        ([(*arrays(), 1)], "cannot be read"),
        ([(arrays()[0], None), arrays()], "1 of 2 batches have no labels"),
        ([(arrays()[0], arrays()[1]), (arrays()[0][:, :4], arrays()[1])], "cannot be read"),
        ((arrays()[0].astype(np.float64), arrays()[1]), "float64"),
        ((arrays()[0], arrays()[1][:5]), "labels"),
    ],
)
def test_data_that_cannot_be_read_are_refused(data: Any, message: str, tmp_path: Path) -> None:
    refused(BadData, message, tmp_path, small(), data, **RAW)


def test_a_study_in_python(tmp_path: Path) -> None:
    spec = NetworkSpec("micro_cnn:width=0.5", "digits", weights="random")
    study = Study("mine", recipes=("w3a8", "dynamic-w8"), targets=("simulation",), network=(spec,), quick=20)
    found = edgequant.run(study, tmp_path / "out").results
    assert [(v["id"], v["status"]) for v in found["variants"]] == [
        ("simulation-float32", "ok"),
        ("simulation-w3a8", "ok"),
        ("simulation-dynamic-w8", "unsupported"),
    ]
    assert "no runtime" in found["variants"][2]["reason"] or "runtime" in found["variants"][2]["reason"]
    assert found["recommended"] is None and (tmp_path / "out" / "report.html").is_file()


def test_a_study_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="names no network"):
        edgequant.run(Study("mine"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_public_is_pinned() -> None:
    assert edgequant.__all__ == ["EdgequantError", "quantize", "run"]
    assert {"Result", "quantize", "report", "run", "train"} <= set(api.__all__)
    assert all(hasattr(api, name) for name in api.__all__)
    assert edgequant.quantize is api.quantize and edgequant.run is api.run
    assert issubclass(BadData, edgequant.EdgequantError)
    with pytest.raises(AttributeError, match="no attribute 'quantise'"):
        edgequant.quantise  # type: ignore[attr-defined]  # noqa: B018
