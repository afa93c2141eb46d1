"""One thing changed, and run again into the same folder: what a fresh folder says, to the digit and to the byte."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from world import World, measurements, pixels, replaced

from edgequant.store import surroundings
from edgequant.study import keys
from edgequant.study.study import Calibration

Change = Callable[[World], Any]


def source(name: str, old: str, new: str) -> Change:
    return lambda world: world.edit(name, old, new)


def option(**options: Any) -> Change:
    return lambda world: world.options.update(options)


def study(**options: Any) -> Change:
    return lambda world: world.study.update(options)


def sets(name: str, value: Any) -> Change:
    return lambda world: setattr(world, name, value)


def calibrates(**changes: Any) -> Change:
    return lambda world: replaced(world, **changes)


def versions(package: str) -> Change:
    def change(world: World) -> None:
        real = surroundings.version
        world.patch.setattr(surroundings, "version", lambda name: "9.9" if name == package else real(name))

    return change


def reports(name: str, value: Any) -> Change:
    return lambda world: world.patch.setattr(surroundings, name, lambda: value)


def code(world: World) -> None:
    world.patch.setattr(keys, "source_hash", lambda: "another edgequant")


def one_pixel(world: World) -> None:
    images = pixels()
    images[7, 3, 3, 0] ^= 255
    world.images(images)


def black(world: World) -> None:
    world.images(pixels() // 4)


def threads(_: World) -> None:
    torch.set_num_threads(torch.get_num_threads() + 1)


def labelled(world: World) -> None:
    world.options["weights"] = "random"  # nothing to learn from these labels
    world.images(pixels(200), np.arange(200) % 4)


def own_test_images(seed: int) -> Change:
    """Labelled images, and a test set of its own, on which no file depends."""
    given = {"test_images": pixels(40, seed), "test_labels": np.arange(40) % 4}

    def change(world: World) -> None:
        world.options["weights"] = "random"  # nothing to learn from these labels
        world.images(pixels(200), np.arange(200) % 4, **given)

    return change


def elsewhere(world: World) -> None:
    own_test_images(1)(world)
    world.study |= {"devices": ("local", f"local:python={sys.executable}"), "device_images": 20}


EVERYDAY: dict[str, Change] = {
    "a constant of a helper": source("norm.py", "MEAN = 0.25", "MEAN = 0.35"),
    "a constant of a helper's helper": source("scale.py", "0.75", "0.85"),
    "a global of the file": source("net.py", "GAIN = 1.5", "GAIN = 1.6"),
    "a plain tensor": source("net.py", "[0.1, -0.2", "[0.1, -0.3"),
    "an epsilon": source("net.py", "eps=1e-3", "eps=1e-2"),
    "a buffer that is not saved": source("net.py", "tensor(0.05)", "tensor(0.55)"),
    "one pixel": one_pixel,
    "the test images": own_test_images(2),
    "a recipe's file": source("mixed.toml", 'base = "w8a8"', 'base = "w6a8"'),
    "the calibrator's code": source("world_parts.py", "CLIP = 0.9", "CLIP = 0.5"),
    "the code that a refiner calls": source("world_parts.py", "n // 2", "n // 4"),
    "the data set's code": source("world_parts.py", "default_rng(3)", "default_rng(4)"),
    "images drawn": calibrates(n=110),
    "raw input": option(input="uint8"),
    "the torch": versions("torch"),
    "the runtime": versions("ai-edge-litert"),
    "the processor": reports("processor", "another processor"),
    "the threads": threads,
    "edgequant's code": code,
}  # fmt: skip
MORE: dict[str, Change] = {
    "a helper's code": source("norm.py", "(x - MEAN)", "(x + MEAN)"),
    "the weights' seed": source("net.py", "manual_seed(5)", "manual_seed(6)"),
    "a stride": source("net.py", "stride=1", "stride=2"),
    "a padding": source("net.py", "Conv2d(4, 6, 3, padding=1)", "Conv2d(4, 6, 3, padding=0)"),
    "a dilation": source("net.py", "Conv2d(4, 6, 3, padding=1)", "Conv2d(4, 6, 3, padding=2, dilation=2)"),
    "an activation": source("net.py", "torch.relu(self.second", "torch.tanh(self.second"),
    "the order of operations": source("net.py", "x * GAIN + SHIFT", "(x + SHIFT) * GAIN"),
    "the mean of the input": source("net.py", '"mean": (0.5,)', '"mean": (0.4,)'),
    "the std of the input": source("net.py", '"std": (0.5,)', '"std": (0.4,)'),
    "a variance": source("net.py", "fill_(0.01)", "fill_(0.02)"),
    "dropout, which does nothing here": source("net.py", "Dropout(0.1)", "Dropout(0.5)"),
    "an attribute that nobody reads": source("net.py", "slope = 0.1", "slope = 0.2"),
    "every pixel": black,
    "the test images on another device": own_test_images(2),
    "the runtime of another device": versions("ai-edge-litert"),
    "fewer images": lambda world: world.images(pixels(140)),
    "other images of one shape": lambda world: world.images(pixels(seed=1)),
    "labels": labelled,
    "the ranges' method": calibrates(method="percentile"),
    "an option of the method": calibrates(method="minmax:outliers=0"),
    "the draw's seed": calibrates(seed=1),
    "few images accepted": lambda world: (replaced(world, n=50), world.study.update(allow_few=True)),
    "too few images": study(allow_few=False),
    "a second calibration": sets("calibration", (Calibration("mse", 100), Calibration("minmax", 100))),
    "integer output": option(output="int8"),
    "a layout": option(layout="nchw"),
    "another name": option(name="renamed"),
    "the bits": sets("recipes", ("float32", "w4a8")),
    "no correction": sets("recipes", ("float32", "w8a8")),
    "an option of the refiner": sets("recipes", ("float32", "w8a8+world_parts.Corrected:images=60")),
    "another target": study(targets=("onnxruntime",)),
    "an option of the target": study(targets=("litert:delegate=false",)),
    "a target more": study(targets=("litert", "onnxruntime")),
    "quick": study(quick=20),
    "the study's seed": study(seed=3),
    "numpy": versions("numpy"),
    "the other runtime": versions("onnxruntime"),
    "Python": lambda world: world.patch.setattr(surroundings.platform, "python_version", lambda: "3.99.0"),
    "the cores": reports("cores", 77),
    "a switch of the environment": lambda world: world.patch.setenv("ATEN_CPU_CAPABILITY", "default"),
    "the precision of products": lambda world: world.patch.setattr(
        torch, "get_float32_matmul_precision", lambda: "medium"
    ),
}
STARTS: dict[str, Change] = {  # from where a change begins, if not from the plain world
    "a recipe's file": sets("recipes", ("float32", "mixed.toml")),
    "the calibrator's code": calibrates(method="world_parts.Clipped"),
    "the code that a refiner calls": sets("recipes", ("float32", "w8a8+world_parts.Corrected")),
    "no correction": sets("recipes", ("float32", "w8a8+world_parts.Corrected")),
    "the test images": own_test_images(1),
    "the test images on another device": elsewhere,
    "the runtime of another device": elsewhere,
    "an option of the refiner": sets("recipes", ("float32", "w8a8+world_parts.Corrected")),
    "the data set's code": sets("data", "world_parts.Noise"),
    "too few images": lambda world: (replaced(world, n=50), world.study.update(allow_few=True)),
}
RERUN = {"device", "evaluate", "latency", "memory", "variant"}  # what a change of the surroundings does again
SURROUNDINGS = {
    "the runtime of another device",
    "the torch", "the runtime", "the processor", "the threads", "edgequant's code", "numpy", "the other runtime",
    "Python", "the cores", "a switch of the environment", "the precision of products",
}  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        found = World(tmp_path / "world", patch)
        found.folder.mkdir()
        found.write()
        patch.chdir(found.folder)
        patch.syspath_prepend(str(found.folder))
        patch.setattr("sys.dont_write_bytecode", True)  # edits come faster than its clock ticks
        found.parts()
        measurements(patch)
        before = torch.get_num_threads()
        yield found
        torch.set_num_threads(before)
        found.parts()


def again_is_fresh(world: World, name: str, change: Change, folder: Path) -> None:
    STARTS.get(name, lambda _: None)(world)
    before = world.run(folder / "again")
    assert "figures" in before, before
    change(world)
    again, remade = world.run(folder / "again"), set(world.made)
    fresh, made = world.run(folder / "fresh"), set(world.made)
    assert again == fresh, name
    assert remade <= made
    if name in SURROUNDINGS:
        assert made & RERUN <= remade, f"kept in spite of {name}"


@pytest.mark.parametrize("name", EVERYDAY)
def test_again_is_what_a_fresh_folder_says(world: World, name: str, tmp_path: Path) -> None:
    again_is_fresh(world, name, EVERYDAY[name], tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("name", MORE)
def test_again_is_what_a_fresh_folder_says_of_more(world: World, name: str, tmp_path: Path) -> None:
    again_is_fresh(world, name, MORE[name], tmp_path)


def test_fifty_changes_are_listed() -> None:
    assert len({*EVERYDAY, *MORE}) >= 50 and {*STARTS, *SURROUNDINGS} <= {*EVERYDAY, *MORE}


def test_nothing_that_is_unchanged_is_made_twice(world: World, tmp_path: Path) -> None:
    world.recipes = ("float32", "w8a8+world_parts.Corrected", "mixed.toml")
    first = world.run(tmp_path / "out")
    assert {"calibrate", "refine", "variant", "evaluate", "latency", "memory"} <= set(world.made)
    world.parts()  # as another process would
    assert world.run(tmp_path / "out") == first and world.made == []
