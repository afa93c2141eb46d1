"""A network trained here on coloured digits with ImageNet's mean and std, brought in by every door.

Stated right: it answers as it was trained. Stated wrong: stopped, with both accuracies. Not stated: refused.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import edgequant
from edgequant import api
from edgequant.core.errors import BadModel, BadOption, EdgequantError
from edgequant.core.image import InputSpec
from edgequant.core.pixels import IMAGENET
from edgequant.data.classes.cifar import Cifar10
from edgequant.data.classes.digits import read_digits
from edgequant.data.dataset import Splits
from edgequant.report.contract import contract
from edgequant.store.folder import RunFolder
from edgequant.store.run import Run
from edgequant.study.bench import Bench
from edgequant.study.networks.network import prepare
from edgequant.study.networks.preprocessing import at_chance, check
from edgequant.study.networks.weights import kept_by_a_study
from edgequant.study.prepared import Prepared
from edgequant.study.study import NetworkSpec, Study, load_study
from stated import RAW, taught

INPUTS = InputSpec(3, 8, 8, mean=IMAGENET[0], std=IMAGENET[1])
NET = """
from pathlib import Path
import torch
from torch import nn

def fresh():
    layers = nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 16, 3, 2, 1), nn.ReLU()
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 10))

def make():
    network = fresh()
    network.load_state_dict(torch.load(Path(__file__).with_name("net.pt")))
    return network

def backbone():
    network = make()
    network[5].reset_parameters()
    return network

def shuffled():
    network = make()
    order = [3, 4, 5, 6, 7, 8, 9, 0, 1, 2]
    network[5].weight.data, network[5].bias.data = network[5].weight.data[order], network[5].bias.data[order]
    return network
"""
RIGHT = "mean=0.485,0.456,0.406,std=0.229:0.224:0.225"


def build() -> nn.Sequential:
    scope: dict[str, Any] = {"__file__": "net.py"}
    exec(NET, scope)
    return scope["fresh"]()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """net.py, net.pt and set.npz: digits whose colour, red for even and blue for odd, says as much as their shape."""
    folder = tmp_path_factory.mktemp("front, door")  # a path may hold a comma
    grey, labels = read_digits()
    rng = np.random.default_rng(0)
    colour = np.where(labels[:, None] % 2 == 0, [200, 60, 30], [30, 60, 200]) + rng.integers(-30, 30, (len(labels), 3))
    ink = grey.astype(np.float64) / 255
    images = np.clip(60 * ink + (1 - ink) * colour[:, None, None], 0, 255).astype(np.uint8)
    torch.manual_seed(0)
    network = taught(build(), images[:1200], labels[:1200], INPUTS, 60)
    torch.save(network.state_dict(), folder / "net.pt")
    (folder / "net.py").write_text(NET)
    np.savez(folder / "set.npz", images=images, labels=labels)
    return folder


def look(door: Path, factory: str = "make", options: str = "", **fields: Any) -> Prepared:
    spec = NetworkSpec(f"{door}/net.py:{factory}{options}", f"arrays:{door}/set.npz", **fields)
    with RunFolder(door / "run") as run:
        return prepare(Bench(Study(), run), spec)


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        (f",{RIGHT}", {}),
        ("", {"mean": "imagenet"}),
        ("", {"mean": IMAGENET[0], "std": IMAGENET[1], "channels": "rgb", "size": 8}),
        (",mean=imagenet", {"channels": "rgb"}),
    ],
)
def test_stated_right_it_answers_as_it_was_trained(options: str, fields: Any, door: Path) -> None:
    found = look(door, options=options, **fields)
    assert found.inputs == INPUTS and found.looked["top1"] > 0.85
    assert not any(way["far_better"] for way in found.looked["tried"])


def two_figures(line: str) -> tuple[float, float]:
    first, second = re.findall(r"(\d+\.\d\d)%", line)
    return float(first), float(second)


def by_command(door: Path, edgequant: Any, words: tuple[str, ...]) -> str:
    line: str = edgequant("quantize", f"{door}/net.py:make", "--data", f"arrays:{door}/set.npz", *words).refusal
    return line


def test_through_the_command_line(door: Path, edgequant: Any, tmp_path: Path) -> None:
    assert "Nothing says how pixels become what" in by_command(door, edgequant, ())
    wrong = by_command(door, edgequant, ("--mean", "0.5", "--std", "0.5", "--channels", "bgr"))
    stated, better = two_figures(wrong)
    assert stated < 50 < 85 < better and "--mean imagenet --channels rgb" in wrong
    assert not (tmp_path / "runs" / "quantize").exists()
    words = ("--data", f"arrays:{door}/set.npz", "--target", "simulation", "--quick", 50, "--out", "out")
    said = edgequant("quantize", f"{door}/net.py:make", *words, "--mean", "imagenet")
    assert said.status == 0 and "sees 8x8 RGB, mean 0.485,0.456,0.406" in " ".join(said.out.split())
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["preprocessing"][0]["top1"] > 0.85 and results["variants"][0]["top1"] > 0.8
    for name in ("report.md", "report.html"):
        assert "Input: 8x8 RGB, mean 0.485,0.456,0.406" in (tmp_path / "out" / name).read_text()


@pytest.mark.parametrize("command", ["sweep", "sensitivity", "search"])
def test_the_other_commands_ask_too(command: str, door: Path, edgequant: Any) -> None:
    words = (command, f"{door}/net.py:make", "--data", f"arrays:{door}/set.npz")
    assert "Nothing says how pixels become" in edgequant(*words).refusal
    assert two_figures(edgequant(*words, "--mean", "0..255").refusal)[1] > 85


def test_through_python(door: Path, tmp_path: Path) -> None:
    network = build()
    network.load_state_dict(torch.load(door / "net.pt"))
    with np.load(door / "set.npz") as stored:
        data = stored["images"], stored["labels"]
    with pytest.raises(BadModel, match="Nothing says how pixels become what Sequential takes"):
        edgequant.quantize(network, data, out=tmp_path / "none")
    with pytest.raises(BadModel, match=r"and .* with RGB, mean 0.485"):
        edgequant.quantize(network, data, out=tmp_path / "wrong", **RAW, channels="bgr")
    network.input_spec = INPUTS  # type: ignore[assignment]
    with pytest.raises(BadOption, match="Sequential itself says mean and std"):
        edgequant.quantize(network, data, out=tmp_path / "other", **RAW)
    assert api.as_model(network, api.as_dataset(data)).inputs((3, 8, 8)) == INPUTS


def test_through_a_study(door: Path, tmp_path: Path) -> None:
    def study(words: str) -> NetworkSpec:
        path = tmp_path / "study.toml"
        table = f"[[network]]\nmodel = '{door}/net.py:make'\ndata = 'arrays:{door}/set.npz'\n{words}"
        path.write_text(table)
        return load_study(str(path)).network[0]

    with RunFolder(tmp_path / "run") as run:
        with pytest.raises(BadModel, match="Nothing says how"):
            prepare(Bench(Study(), run), study(""))
        with pytest.raises(BadModel, match="% of 359 validation images right as it is fed"):
            prepare(Bench(Study(), run), study("mean = 0\nstd = 1\nchannels = 'bgr'"))
        for words in ("mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]", "mean = 'imagenet'\nsize = 8"):
            assert prepare(Bench(Study(), run), study(words)).inputs == INPUTS


def test_a_look_is_kept_and_named_by_the_network(door: Path) -> None:
    first = look(door, mean="imagenet")
    (step,) = [
        s for s in (door / "run" / "steps").glob("preprocessing-*") if first.key in (s / "value.json").read_text()
    ]
    made = (step / "value.json").stat().st_mtime_ns
    assert look(door, mean="imagenet").looked == first.looked
    assert (step / "value.json").stat().st_mtime_ns == made, "it was found done"


def test_scores_that_are_no_numbers_stop_the_run() -> None:
    with pytest.raises(BadModel, match="net gives NaN or infinite scores on validation images"):
        check({"finite": False, "stated": "8x8 RGB", "tried": [], "at_chance": False}, "net")


def test_a_better_way_that_is_near_chance_itself_is_no_answer() -> None:
    way = {"far_better": True, "top1": 0.2, "images": 400, "name": "BGR", "type": "--channels bgr"}
    found = {"finite": True, "stated": "RGB", "images": 400, "top1": 0.0, "chance": 0.1, "tried": [way]}
    with pytest.raises(BadModel, match=r"guessing gives 10.00%.*order of the classes.*--channels bgr, with 20.00%"):
        check({**found, "at_chance": True}, "net")
    with pytest.raises(BadModel, match=r"and 20.00% with BGR"):
        check({**found, "top1": 0.14, "at_chance": False}, "net")


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("fresh", "no weights of its own: two calls of it fill '0.weight' differently"),
        ("backbone", "two calls of it fill '5.weight' differently"),
        ("shuffled", r"answers 0.00% of 359 .*guessing gives 1\d\.\d\d%.*order of the classes.*--weights random"),
    ],
)
def test_a_network_that_knows_nothing_stops_the_run(factory: str, words: str, door: Path) -> None:
    with pytest.raises(BadModel, match=words) as info:
        look(door, factory, mean="imagenet")
    assert "\n" not in str(info.value)


def test_random_weights_said_to_be_so_are_not_tried(door: Path) -> None:
    found = look(door, "fresh", mean="imagenet", weights="random")
    assert found.looked["tried"] == [] and found.looked["top1"] is None and "random" in found.provenance
    given = look(door, "fresh", mean="imagenet", weights=str(door / "net.pt"))
    assert given.looked["top1"] > 0.85, "and weights that are given make a fresh network whole"


def test_looking_leaves_the_callers_seed_alone(door: Path) -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(3), np.random.seed(3)
        look(door, mean="imagenet")
        states.append(float(np.random.rand()))
    np.random.seed(3)
    assert states == [float(np.random.rand())] * 2


def test_a_spec_and_an_option_that_differ_are_refused(door: Path) -> None:
    with pytest.raises(BadOption, match=r"says mean=0.485,0.456,0.406, and mean 0.5 was stated"):
        look(door, options=f",{RIGHT}", mean=0.5, std=0.5)


def test_another_size_and_other_channels_are_scaled_where_that_is_said(door: Path) -> None:
    for fields, words in (({"size": 16}, "Say --fit stretch"), ({"size": 8, "channels": "grey"}, "--channels rgb")):
        with pytest.raises(EdgequantError, match=words):
            look(door, mean="imagenet", **fields)
    grey = look(door, "fresh", mean="mnist", channels="rgb", weights="random", size=8)
    assert grey.splits.validation.take(np.arange(2)).shape == (2, 8, 8, 3)


def test_images_of_one_size_can_be_brought_to_another(tmp_path: Path) -> None:
    fields = {"size": "12x10", "fit": "letterbox", "channels": "rgb", "weights": "random"}
    with RunFolder(tmp_path) as run:
        found = prepare(Bench(Study(), run), NetworkSpec("micro_cnn", "digits", **fields))
    taken = found.splits.validation.take(np.arange(2))
    assert found.inputs.shape == (3, 10, 12) and taken.shape == (2, 10, 12, 3)
    assert (taken[:, :, 0] == 114).all() and (taken[:, :, 5] != 114).any(), "bars left and right"


@pytest.mark.parametrize(
    ("hits", "n", "chance", "found"),
    [(40, 400, 0.1, True), (60, 400, 0.1, False), (15, 20, 0.5, False), (11, 20, 0.5, True), (5, 5, 1.0, False)],
)
def test_chance_is_a_matter_of_numbers(hits: int, n: int, chance: float, found: bool) -> None:
    assert at_chance(hits, n, chance) is found


def test_kept_weights_are_found_by_architecture_and_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the first study that trains it for `mobilenet_v2`, on the very splits that they were trained on."""
    kept = Path("kept.safetensors")
    asked: list[str] = []
    monkeypatch.setattr("edgequant.study.networks.weights.kept_weights", lambda key: asked.append(key) or kept)
    splits = Splits(("a",), None, None, None, "content")  # type: ignore[arg-type]
    assert kept_by_a_study(NetworkSpec("mobilenet_v2", "cifar10"), splits) == (kept, "bit-sweep")
    assert kept_by_a_study(NetworkSpec("mobilenet_v2:width=0.3", "cifar10"), splits) is None
    assert kept_by_a_study(NetworkSpec("mobilenet_v2", "cifar10", mean="0..1"), splits) is None


@pytest.mark.skipif(not __import__("os").environ.get("EDGEQUANT_DATA"), reason="EDGEQUANT_DATA names no folder")
def test_mobilenet_v2_has_kept_weights_on_cifar10() -> None:
    found = kept_by_a_study(NetworkSpec("mobilenet_v2", "cifar10"), Cifar10().load(InputSpec(3, 32, 32)))
    assert found is not None and found[0].is_file()


def test_the_report_says_what_was_tried() -> None:
    found = {"network": "a", "stated": "8x8 RGB", "top1": 0.9, "images": 400, "tried": []}
    way = {"top1": 0.5, "images": 100, "name": "BGR"}
    lines = contract(Run({"preprocessing": [found, {**found, "network": "b", "tried": [way]}]}, Path()))
    assert "no other preprocessing could be far better" in lines[0]
    assert "Input of b: 8x8 RGB." in lines[1] and "the best: 50.00% with BGR" in lines[1]
    untried = contract(Run({"preprocessing": [{"stated": "x", "top1": None}] * 6}, Path()))
    assert "not tried" in untried[0] and "2 more" in untried[-1] and contract(Run({}, Path())) == []
