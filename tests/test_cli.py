"""The command line as a user and a script see it: what it prints, its exit status, and what it leaves behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgequant import __version__
from edgequant.catalog import KINDS
from edgequant.cli import main
from edgequant.commands.listing import RECIPES
from edgequant.graph.ops.table import matrix
from edgequant.models.architectures.micro_cnn import MicroCNN
from edgequant.store.folder import RunFolder
from stated import WORDS

Cli = Callable[..., Any]
HEAVY = {
    "torch",
    "numpy",
    "onnx",
    "onnxruntime",
    "ai_edge_litert",
    "altair",
    "keras",
    "sklearn",
    "scipy",
    "PIL",
    "typst",
}
RANDOM = ("--data", "digits", "--weights", "random")

NETWORKS = """
import torch
from torch import nn

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 10)

    def forward(self, x, y):
        return self.fc(x.flatten(1) + y.flatten(1))

def two_inputs():
    torch.manual_seed(0)
    return Two()

def colour():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 10))
    network.input_spec = {"channels": 3, "height": 8, "width": 8}
    return network

def small(classes):
    from sklearn.datasets import load_digits
    x, y = load_digits(return_X_y=True)
    means = torch.stack([torch.tensor(x[y == k] / 8.0).mean(0) for k in range(classes)]).float()  # of (pixel / 128)
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, classes))
    for values, wanted in zip(network.parameters(), (1, 1, 2 * means, -(means**2).sum(1))):  # the nearest mean
        nn.init.zeros_(values).data += wanted
    return network

def broken():
    raise RuntimeError("no\\nluck")
"""


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("words", [["--help"], ["list"], [], ["--version"], ["quantize", "--help"]])
def test_help_and_list_answer_without_importing_anything_heavy(words: list[str], python: Callable[..., str]) -> None:
    code = "import sys; from edgequant.cli import main; main(sys.argv[1:]); print('LOADED', *sys.modules)"
    shown, _, loaded = python(code, *words).rpartition("LOADED")
    assert len(shown) > 5 and not HEAVY & set(loaded.split())


def test_the_module_runs_as_the_command_does(python: Callable[..., str]) -> None:
    code = (
        "import sys, runpy; sys.argv = ['edgequant', '--version']; runpy.run_module('edgequant', run_name='__main__')"
    )
    with pytest.raises(Exception, match="returned non-zero exit status 2"):
        python(code.replace("--version", "--versio"))
    assert python(code) == f"edgequant {__version__}\n"


def test_list_shows_every_name_with_its_summary(edgequant: Cli) -> None:
    said = edgequant("list")
    assert said.status == 0 and not said.err
    for kind, registry in KINDS.items():
        assert f"\n{kind}\n" in f"\n{said.out}"
        assert all(f"  {name:22s} {registry.summary(name)}\n" in said.out for name in registry)
    assert "  digits " in said.out and all(name in said.out for name in RECIPES)


def test_list_of_operations_has_a_line_for_each(edgequant: Cli) -> None:
    said = edgequant("list", "ops")
    assert said.status == 0 and said.out.strip() == matrix() and "\n| `hard_swish` |" in said.out


def test_list_of_a_kind_shows_that_kind_alone(edgequant: Cli) -> None:
    out = edgequant("list", "targets").out
    assert out.startswith("targets\n") and "litert" in out and "micro_cnn" not in out


def test_help_names_every_command(edgequant: Cli) -> None:
    out = edgequant("--help").out
    assert all(f" {name} " in out for name in ("run", "list", "train", "quantize", "report"))
    assert edgequant().out.strip() == out.strip(), "without a word, it helps"


# A user's mistakes that need nothing on disk: the words, and what the one line must say.
MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "study": (["run", "digts"], ["No study is named 'digts'", "Did you mean 'digits'"]),
    "study file": (["run", "absent.toml"], ["There is no study file absent.toml", "digits"]),
    "kind": (["list", "nonsense"], ["No kind is named 'nonsense'", "targets"]),
    "command": (["quantise"], ["No such command 'quantise'", "quantize"]),
    "model": (["quantize", "micro_cn", *RANDOM], ["No model is named 'micro_cn'", "Did you mean 'micro_cnn'"]),
    "data": (["quantize", "micro_cnn", "--data", "digit"], ["No dataset is named 'digit'", "Did you mean 'digits'"]),
    "recipe": (["quantize", "micro_cnn", *RANDOM, "--recipe", "w8a8x"], ["No recipe is named 'w8a8x'", "'w8a8'"]),
    "bits": (["quantize", "micro_cnn", *RANDOM, "--recipe", "w1a8"], ["1-bit weights", "2 to 8"]),
    "refiner": (["quantize", "micro_cnn", *RANDOM, "--recipe", "w8a8+adarond"], ["Did you mean 'adaround'"]),
    "target": (["quantize", "micro_cnn", *RANDOM, "--target", "litret"], ["No target is named", "'litert'"]),
    "calibrator": (["quantize", "micro_cnn", *RANDOM, "--calibrate", "min_max"], ["Did you mean 'minmax'"]),
    "model option": (["quantize", "micro_cnn:depth=2", *RANDOM], ["no option 'depth'", "width"]),
    "option value": (["quantize", "micro_cnn:width=wide", *RANDOM], ["Expected float", "'wide'"]),
    "option range": (["quantize", "micro_cnn:width=0", *RANDOM], ["must be above 0", "width=0"]),
    "calibrator option": (["quantize", "micro_cnn", *RANDOM, "--calibrate", "percentile:p=9"], ["no option 'p'", "q"]),
    "target option": (["quantize", "micro_cnn", *RANDOM, "--target", "litert:gpu=1"], ["no option 'gpu'", "delegate"]),
    "no data": (["quantize", "micro_cnn"], ["Missing option '--data'"]),
    "no model": (["quantize"], ["Missing argument"]),
    "flag": (["run", "--fres"], ["No such option: --fres", "--fresh"]),
    "number": (["run", "--quick", "many"], ["--quick", "a whole number"]),
    "set": (["run", "--set", "seed"], ["--set takes key=value", "--set calibration.n=200"]),
    "set key": (["run", "--set", "sed=1"], ["Did you mean 'seed'"]),
    "set type": (["run", "--set", "seed=one"], ["Expected int", "'one'"]),
    "set recipe": (["run", "--set", "recipes=w8a8x"], ["No recipe is named 'w8a8x'"]),
    "set model": (["run", "--set", "network.model=micro"], ["Did you mean 'micro_cnn'"]),
    "set metric": (["run", "--set", "criteria.0.metric=top_1"], ["No metric is named 'top_1'", "'top1'"]),
    "quick": (["run", "--quick", "-1"], ["quick and seed must be at least 0"]),
    "train study": (["train", "digts"], ["Did you mean 'digits'"]),
    "advise": (["advise", "nowhere"], ["the folder of a finished run, or a study", "nowhere/results.json", "digits"]),
    "report": (["report", "absent"], ["absent/results.json", "Expected the folder of a finished run"]),
    "no weights": (["quantize", "micro_cnn", "--data", "digits"], ["no weights of its own", "--weights"]),
    "weights": (["quantize", "micro_cnn", "--data", "digits", "--weights", "no.pt"], ["no weights at no.pt"]),
    "few images": (["quantize", "micro_cnn", *RANDOM, "--samples", "50"], ["50 calibration images", "--allow-few"]),
    "many images": (["quantize", "micro_cnn", *RANDOM, "--samples", "5000"], ["5000 calibration images", "1237"]),
    "no images": (["quantize", "micro_cnn", *RANDOM, "--samples", "0"], ["calibration.n must be at least 1"]),
    "unsupported": (["quantize", "micro_cnn", *RANDOM, "--recipe", "w5a8"], ["no 5-bit weights", "simulation"]),
    "folder": (["quantize", "micro_cnn", "--data", "imagefolder:absent", "--weights", "random"], ["absent"]),
    "file": (["quantize", "micro_cnn", "--data", "arrays:absent.npz", "--weights", "random"], ["absent.npz"]),
    "model file": (["quantize", "absent.py:make", "--data", "digits"], ["There is no file absent.py"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_status_2_and_leaves_nothing(mistake: str, edgequant: Cli, tmp_path: Path) -> None:
    words, pieces = MISTAKES[mistake]
    line = edgequant(*words).refusal
    assert all(piece in line for piece in pieces), line
    assert names_in(tmp_path) <= {"runs"}


def test_where_no_terminal_is_bars_leave_no_empty_line(edgequant: Cli) -> None:
    assert edgequant("quantize", "micro_cnn:width=0", *RANDOM).out == ""


@pytest.mark.parametrize(
    ("factory", "pieces"),
    [
        ("two_inputs", ["takes several inputs", "one batch of images"]),
        ("colour", ["1x8x8", "3x8x8"]),
        ("smal", ["has no function or class 'smal'", "small"]),
        ("broken", ["RuntimeError: no luck", "networks.py, line"]),
    ],
)
def test_a_network_of_ones_own_that_does_not_fit(
    factory: str, pieces: list[str], edgequant: Cli, tmp_path: Path
) -> None:
    (tmp_path / "networks.py").write_text(NETWORKS)
    line = edgequant("quantize", f"networks.py:{factory}", "--data", "digits", *WORDS).refusal
    assert all(piece in line for piece in pieces), line
    assert not (tmp_path / "runs" / "quantize").exists()


@pytest.mark.parametrize("fault", ["nan", "torn", "another"])
def test_weights_that_cannot_be_trusted(fault: str, edgequant: Cli, tmp_path: Path) -> None:
    module = MicroCNN(2.0 if fault == "another" else 1.0).build(MicroCNN().inputs((1, 8, 8)), 10)
    if fault == "nan":
        module.classifier.weight.data[0, 0] = float("nan")  # type: ignore[union-attr, index]
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    if fault == "torn":
        content = (tmp_path / "weights.pt").read_bytes()
        (tmp_path / "weights.pt").write_bytes(content[: len(content) // 2])
    line = edgequant("quantize", "micro_cnn", "--data", "digits", "--weights", "weights.pt", "--out", "out").refusal
    expected = {"nan": "NaN or infinity in classifier.weight", "torn": "is damaged", "another": "not this network's"}
    assert "weights.pt" in line and expected[fault] in line
    assert names_in(tmp_path) == {"weights.pt"}


def test_a_file_where_the_folder_should_be(edgequant: Cli, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    for out in ("taken", "taken/inside"):
        line = edgequant("quantize", "micro_cnn", *RANDOM, "--out", out).refusal
        assert "taken" in line and "cannot be written" in line and "--out" in line
    assert (tmp_path / "taken").read_text() == "mine" and names_in(tmp_path) == {"taken"}


def test_a_folder_that_was_there_stays_as_it_was(edgequant: Cli, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert "--allow-few" in edgequant("quantize", "micro_cnn", *RANDOM, "--samples", "5", "--out", "out").refusal
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert not names_in(tmp_path / "out") & {"results.json", "report.html", "artifacts"}


def test_a_folder_that_another_run_holds(edgequant: Cli, tmp_path: Path, tiny_study: Path) -> None:
    with RunFolder(tmp_path / "out"):
        line = edgequant("run", tiny_study, "--out", "out").refusal
    assert "Another run" in line and (tmp_path / "out").is_dir()


def test_images_that_are_not_images(edgequant: Cli, tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", images=np.zeros((200, 8, 8, 1)), labels=np.arange(200) % 10)
    line = edgequant("quantize", "micro_cnn", "--data", "arrays:images.npz", "--weights", "random").refusal
    assert "float64" in line and "uint8" in line


def test_ctrl_c_is_a_line_and_status_130(edgequant: Cli, monkeypatch: pytest.MonkeyPatch, tiny_study: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgequant.api.load_study", stop)
    said = edgequant("run", tiny_study)
    assert (said.status, said.err) == (130, "edgequant: stopped; run the same command again to resume.\n")


@dataclass(frozen=True)
class Done:
    study: Path
    folder: Path
    status: int

    @property
    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "results.json").read_text())
        return found


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, tiny_study: Path) -> Done:
    """The tiny study with one criterion that no network meets."""
    folder = tmp_path_factory.mktemp("runs")
    study = folder / "tiny.toml"
    wanted = '[[criteria]]\nname = "perfect"\nvariant = "litert-w8a8"\nmetric = "top1"\nat_least = 1.01\n'
    study.write_text(tiny_study.read_text() + wanted)
    return Done(study, folder / "out", main(["run", str(study), "--out", str(folder / "out")]))


def test_an_unmet_criterion_is_status_1_and_a_met_one_0(done: Done, edgequant: Cli) -> None:
    assert done.status == 1
    assert [(c["name"], c["met"]) for c in done.results["criteria"]] == [("perfect", False)]
    before = done.results
    again = edgequant("run", done.study, "--out", done.folder, "--set", "criteria.at_least=0.1")
    assert again.status == 0, again.err
    assert "met " in again.out and "UNMET" not in again.out
    assert done.results["variants"] == before["variants"], "resumed: nothing was measured again"
    said = edgequant("run", done.study, "--out", done.folder)
    assert said.status == 1 and "UNMET perfect" in said.out and not said.err


def test_a_run_leaves_what_it_promises(done: Done) -> None:
    files = {p.name for p in done.folder.iterdir()}
    assert {"results.json", "report.md", "report.html", "report.pdf", "study.toml", "artifacts", "steps"} <= files
    assert {p.suffix for p in done.folder.iterdir()} >= {".png", ".svg"}
    assert {p.name for p in (done.folder / "artifacts").iterdir()} >= {"litert-float32.tflite", "litert-w8a8.tflite"}
    assert not [p for p in done.folder.rglob(".*") if p.name != ".lock"], "nothing half made stays"


def test_the_resolved_study_runs_again(done: Done, edgequant: Cli) -> None:
    line = edgequant("run", done.folder / "study.toml", "--set", "network.model=micro").refusal
    assert "Did you mean 'micro_cnn'" in line, "all else of the file was understood"


def test_report_renders_again_from_what_is_on_disk(done: Done, edgequant: Cli) -> None:
    names = ["report.md", "report.html"]
    before = {name: (done.folder / name).read_bytes() for name in names}
    for name in names:
        (done.folder / name).unlink()
    said = edgequant("report", done.folder)
    assert said.status == 0 and all(str(done.folder / name) in said.out.replace("\n", "") for name in names)
    assert {name: (done.folder / name).read_bytes() for name in names} == before


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_report_of_damaged_results_is_one_line(content: str, edgequant: Cli, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(content)
    assert "results.json" in edgequant("report", tmp_path).refusal
    assert names_in(tmp_path) == {"results.json"}


def test_report_into_a_folder_that_cannot_be_written(done: Done, edgequant: Cli, tmp_path: Path) -> None:
    shutil.copy(done.folder / "results.json", tmp_path)
    (tmp_path / "report.md").mkdir()
    assert "report.md could not be written" in edgequant("report", tmp_path).refusal


def test_train_keeps_what_run_then_uses(edgequant: Cli, tiny_study: Path, tmp_path: Path) -> None:
    said = edgequant("train", tiny_study, "--out", "out", "--set", "network.train.epochs=1")
    assert said.status == 0 and "trained here: 1 epochs, seed 0, validation" in said.out
    kept = [p for p in (tmp_path / "out" / "steps").iterdir() if p.name.startswith("train-")]
    assert len(kept) == 1 and (kept[0] / "weights.safetensors").is_file()
    assert "epoch 1/1" not in edgequant("train", tiny_study, "--out", "out", "--set", "network.train.epochs=1").out


def test_a_factory_of_ones_own_is_quantized_with_the_weights_it_gives(edgequant: Cli, tmp_path: Path) -> None:
    (tmp_path / "networks.py").write_text(NETWORKS)
    words = ("--data", "digits", "--recipe", "float32", "--quick", "20", "--out", "out")
    said = edgequant("quantize", "networks.py:small", *words, *WORDS)
    assert said.status == 0, said.err
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [(v["id"], v["model"], v["n"]) for v in results["variants"]] == [("litert-float32", "networks", 20)]
    assert "its own, from networks.py:small" in results["notes"][0]
    assert any("--quick" in note for note in results["notes"]), "every figure is marked"
