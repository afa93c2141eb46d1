"""The same study twice gives the same files, bit for bit, and the same figures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_small_machine import untimed

STUDY = """
title = "twice"
recipes = {recipes}
targets = ["litert", "onnxruntime"]
max_drop = -100.0  # no file is recommended by its latency, which no two runs share
calibration = [{{ n = 100 }}]
network = [{{ model = "micro_cnn", data = "digits", train = {{ epochs = 1, batch = 64, augment = ["crop"], crop_padding = 1 }} }}]
"""  # noqa: E501
EVERY = ("float32", "float16", "dynamic-w8", "w8", "w8a8", "w8a8+bias_correct", "w8a8+equalize")
LEARNED = ("float32", "w4a8+adaround:iterations=20", "w4a8+qat:epochs=1")


def shipped(folder: Path) -> dict[str, str]:
    """sha256 of every file that ships, and of what lies beside it."""
    files = [path for path in (folder / "artifacts").iterdir() if path.name != "README.md"]  # it tells the command
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def twice(edgequant: Callable[..., Any], folder: Path, recipes: tuple[str, ...]) -> None:
    (folder / "study.toml").write_text(STUDY.format(recipes=list(recipes)))
    for name in ("one", "two"):
        said = edgequant("run", folder / "study.toml", "--out", folder / name)
        assert said.status in (0, 1), said.err
    assert len([name for name in shipped(folder / "one") if name.endswith((".tflite", ".onnx"))]) >= len(recipes)
    assert shipped(folder / "one") == shipped(folder / "two")
    assert untimed(folder / "one") == untimed(folder / "two")


def test_learned_roundings_and_trained_scales_come_out_the_same(edgequant: Callable[..., Any], tmp_path: Path) -> None:
    twice(edgequant, tmp_path, LEARNED)


@pytest.mark.soak
def test_every_kind_of_file_comes_out_the_same(edgequant: Callable[..., Any], tmp_path: Path) -> None:
    twice(edgequant, tmp_path, (*EVERY, *LEARNED[1:]))
