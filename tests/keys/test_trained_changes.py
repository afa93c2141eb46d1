"""The same of what trains, and of what lies in memory: weights, teachers, heads and pruned networks by content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from test_fifty_changes import Change, again_is_fresh, option, sets, source, threads, world
from torch import nn
from world import NET, World, counted, figures, files, pixels

from edgequant import api
from edgequant.core.image import InputSpec
from edgequant.models.weights import save_weights
from edgequant.models.wrap import Wrapped
from edgequant.study.study import Calibration
from edgequant.train.settings import TrainSettings, Transfer

__all__ = ["world"]

SHORT = TrainSettings(epochs=1, batch=32, lr=0.01, augment=(), warmup_epochs=0)
TEACHER = "w8a8+qat:epochs=1+distill:teacher=teach.py:make"
PRUNED = "w8a8+prune:keep=0.8,round_to=1,epochs=1"
HEAD = Transfer(classes=4, epochs=2, dropout=0.1)


def labels() -> Any:
    return np.arange(200) % 4


def other_label(world: World) -> None:
    changed = labels()
    changed[3] = 3 - changed[3]
    world.images(pixels(200), changed)


def weights(seed: int, *options: str) -> Change:
    """A checkpoint of the network, always under one name."""

    def change(world: World) -> None:
        scope: dict[str, Any] = {}
        exec(compile((world.folder / "net.py").read_text(), "net.py", "exec"), scope)
        network = scope["make"]()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            nn.init.normal_(network.second.weight, std=0.2)
        save_weights(network, world.folder / "weights.safetensors")
        if options:
            world.recipes = ("float32", *options)
        else:
            world.options["weights"] = "weights.safetensors"

    return change


def trained(world: World) -> None:
    world.model = "net.py:make,pretrained=false"
    world.options["train"] = SHORT
    world.images(pixels(200), labels())


def learns(world: World, *recipes: str) -> None:
    world.model = "net.py:make,pretrained=false"
    world.options["train"] = SHORT
    world.recipes = ("float32", *recipes)
    (world.folder / "teach.py").write_text(NET)
    world.images(pixels(200), labels())


def headed(world: World) -> None:
    world.options["transfer"] = HEAD
    world.images(pixels(200), labels())


def graph(pad: int, gain: float) -> Change:
    """An .onnx of one convolution."""

    def change(world: World) -> None:
        rng, helper = np.random.default_rng(0), onnx.helper
        kernel = (gain * rng.normal(size=(4, 1, 3, 3))).astype(np.float32)
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["a"], pads=[pad] * 4),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("GlobalAveragePool", ["b"], ["c"]),
            helper.make_node("Flatten", ["c"], ["y"]),
        ]
        of = helper.make_tensor_value_info
        ends = [of("x", 1, ["n", 1, 8, 8])], [of("y", 1, ["n", 4])]
        stored = [onnx.numpy_helper.from_array(kernel, "w")]
        model = helper.make_model(
            helper.make_graph(nodes, "g", *ends, stored), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
        )
        onnx.save(model, world.folder / "net.onnx")
        world.model = "onnx:net.onnx,mean=0.5,std=0.5"

    return change


NOTHING: Change = lambda world: None  # noqa: E731
CHANGES: dict[str, tuple[Change, Change]] = {  # where it starts, and what changes
    "fresh weights before a training": (trained, source("net.py", "manual_seed(5)", "manual_seed(6)")),
    "dropout in a training": (trained, source("net.py", "Dropout(0.1)", "Dropout(0.5)")),
    "a checkpoint of one name": (weights(1), weights(2)),
    "a graph's weights": (graph(1, 1.0), graph(1, 2.0)),
}
MORE: dict[str, tuple[Change, Change]] = {
    "a label in a training": (trained, other_label),
    "threads of a training": (trained, threads),
    "the rate of a training": (trained, option(train=TrainSettings(epochs=1, batch=32, lr=0.02, augment=()))),
    "a second stage": (trained, option(then=(SHORT,))),
    "an epsilon in a training": (trained, source("net.py", "eps=1e-3", "eps=1e-2")),
    "a graph's attribute": (graph(1, 1.0), graph(0, 1.0)),
    "a teacher's file": (lambda w: learns(w, TEACHER), source("teach.py", "manual_seed(5)", "manual_seed(6)")),
    "a teacher's constant": (lambda w: learns(w, TEACHER), source("teach.py", "GAIN = 1.5", "GAIN = 2.5")),
    "a teacher's weights": (
        lambda w: (learns(w), weights(1, f"{TEACHER},weights=weights.safetensors")(w)),
        weights(2, f"{TEACHER},weights=weights.safetensors"),
    ),
    "no teacher": (lambda w: learns(w, TEACHER), sets("recipes", ("float32", "w8a8+qat:epochs=1+distill"))),
    "dropout while it is pruned": (lambda w: learns(w, PRUNED), source("net.py", "Dropout(0.1)", "Dropout(0.5)")),
    "a constant of what is pruned": (lambda w: learns(w, PRUNED), source("norm.py", "MEAN = 0.25", "MEAN = 0.35")),
    "what a head stands on": (headed, source("net.py", "manual_seed(5)", "manual_seed(6)")),
    "a constant under a head": (headed, source("norm.py", "MEAN = 0.25", "MEAN = 0.35")),
    "the weights under a head": (lambda w: (headed(w), weights(1)(w)), weights(2)),
    "a head's dropout": (headed, option(transfer=Transfer(classes=4, epochs=2, dropout=0.4))),
}


@pytest.mark.parametrize("name", CHANGES)
def test_again_is_what_a_fresh_folder_says(world: World, name: str, tmp_path: Path) -> None:
    start, change = CHANGES[name]
    start(world)
    again_is_fresh(world, name, change, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("name", MORE)
def test_again_is_what_a_fresh_folder_says_of_more(world: World, name: str, tmp_path: Path) -> None:
    start, change = MORE[name]
    start(world)
    again_is_fresh(world, name, change, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("recipe", [TEACHER, PRUNED, "w8a8"])
def test_a_training_is_not_made_twice(world: World, recipe: str, tmp_path: Path) -> None:
    learns(world, recipe)
    world.model = "net.py:make,pretrained=false"
    first = world.run(tmp_path / "out")
    assert "train" in world.made and "figures" in first
    assert world.run(tmp_path / "out") == first and world.made == []


class Scaled(nn.Module):
    """What is in no state_dict decides: a number, a tensor, and a function that was given."""

    def __init__(self, factor: float, shift: float = 0.0, twice: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(1, 4, 3)
        self.factor, self.shift = factor, torch.tensor(shift)
        self.after = (lambda x: x * 2) if twice else (lambda x: x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(torch.relu(self.layer(x) * self.factor + self.shift)).mean((2, 3))


@pytest.fixture
def quantized(world: World, tmp_path: Path) -> Iterator[Any]:
    """`quantize` into one folder and into a fresh one each time: (figures and files are equal, the steps made)."""
    number = iter(range(100))

    def run(module: nn.Module, images: Any, **options: Any) -> tuple[dict[str, str], list[str]]:
        found = []
        for out in (tmp_path / "one", tmp_path / f"fresh{next(number)}"):
            made: list[str] = []
            with counted(world.patch, made):
                network = Wrapped(module, InputSpec(1, 8, 8))
                result = api.quantize(network, (images, None), out=out, calibration=Calibration(n=100), **options)
            found.append((figures(result.run.results), files(out), made))
        assert found[0][:2] == found[1][:2]
        return found[0][1], found[0][2]

    yield run


def test_networks_in_memory_are_known_by_all_that_they_compute_with(quantized: Any) -> None:
    images, seen = pixels(), set()
    for module in (Scaled(1.0), Scaled(4.0), Scaled(-1.0), Scaled(1.0, shift=0.5), Scaled(1.0, twice=True)):
        made, steps = quantized(module, images)
        seen.add(made["artifacts/litert-w8a8.tflite"])
        assert "variant" in steps
    assert len(seen) == 5
    assert quantized(Scaled(4.0), images)[1] == [], "an equal one, made anew, is the same"


def test_what_is_changed_in_place_between_two_calls_is_seen(quantized: Any) -> None:
    images, module = pixels(), Scaled(1.0)
    first = quantized(module, images)[0]
    images[5] //= 2
    _, steps = quantized(module, images)
    assert "calibrate" in steps
    with torch.no_grad():
        module.layer.weight[0] *= 2
    second, steps = quantized(module, images)
    assert "variant" in steps and second != first
    module.factor = 3.0
    assert "variant" in quantized(module, images)[1]
