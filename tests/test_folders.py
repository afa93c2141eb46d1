"""The README's own command on a folder of photographs, and on the same folder in black."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stated import WORDS

Cli = Callable[..., Any]
NETWORK = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.AvgPool2d(8), nn.Flatten())
    net[0].weight.data[:] = torch.eye(3)[..., None, None]
    return net
"""


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """210 images of three colours, each a class."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "net.py").write_text(NETWORK)
    rng = np.random.default_rng(0)
    for k in range(210):
        pixels = rng.integers(0, 120, (8, 8, 3), np.uint8)
        pixels[..., k % 3] += 100
        path = tmp_path / "photos" / ("r", "s", "t")[k % 3] / f"{k}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "photos"


def figures(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_the_readme_command_and_another_content_in_the_same_folder(
    edgequant: Cli, tmp_path: Path, photos: Path
) -> None:
    import runpy

    net = runpy.run_path(str(tmp_path / "net.py"))["make"]()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    words = ("quantize", "net.py:make,size=8", *WORDS, "--weights", "net.pt", "--data", "photos", "--recipe", "w8a8")
    said = edgequant(*words, "--target", "simulation", "--out", "out")
    first = figures(tmp_path / "out")
    assert "105 calibration images: all that the calibration pool of photos has; 500 is the default." in first["notes"]
    assert "105 calibration images" in said.out and "Read as imagefolder:photos" in said.out
    assert [(v["calibration"]["n"], v["top1"]) for v in first["variants"]] == [(105, 1.0)] * 2
    for path in photos.rglob("*.bmp"):
        data = path.read_bytes()
        path.write_bytes(data[:54] + bytes(len(data) - 54))
    again = edgequant(*words, "--target", "simulation", "--out", "out")
    assert re.search(r"answers \d+\.\d+% of 105 validation images .* guessing gives", again.refusal), "black images"
