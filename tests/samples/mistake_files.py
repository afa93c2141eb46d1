"""What lies in the folder in which the mistakes are typed: networks, weights, images, recipes, studies, runs."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

NETWORKS = """
import torch
from torch import nn

SPEC = {"channels": 1, "height": 8, "width": 8}

def small(classes=10):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, classes))
    network.input_spec = SPEC
    return network

def required(classes):
    return small(classes)

def nine():
    return small(9)

def eleven():
    return small(11)

def colour():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 10))
    network.input_spec = {"channels": 3, "height": 8, "width": 8}
    return network

def bigger():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 10))
    network.input_spec = {"channels": 1, "height": 32, "width": 32}
    return network

def broken():
    raise RuntimeError("no luck")

def nothing():
    return None

def half():
    return small().half()

def bfloat():
    return small().bfloat16()

def double():
    return small().double()

class Outputs(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.body, self.kind = small(), kind
        self.input_spec = SPEC

    def forward(self, x):
        return self.kind(self.body(x))

def tuple_of_two():
    return Outputs(lambda y: (y, y))

def dictionary():
    return Outputs(lambda y: {"logits": y, "aux": y})

def two_arguments(width, depth):
    return small()

def loop():
    class Loop(Outputs):
        def forward(self, x):
            y = self.body(x)
            return y if y.sum() > 0 else -y
    return Loop(None)

def to_numpy():
    class Away(Outputs):
        def forward(self, x):
            return torch.from_numpy(self.body(x).detach().numpy())
    return Away(None)

def dropout():
    class Always(Outputs):
        def forward(self, x):
            return torch.nn.functional.dropout(self.body(x), 0.5, training=True)
    return Always(None)
"""

TYPO = 'recipes = ["float32", "w8a8"\n'
UNKNOWN = 'recipes = ["w8a8"]\nrecipse = ["w8a8"]\n[[network]]\nmodel = "micro_cnn"\ndata = "digits"\n'
NO_NETWORK = 'recipes = ["w8a8"]\n'
WRONG_TYPE = 'seed = "one"\n[[network]]\nmodel = "micro_cnn"\ndata = "digits"\n'
OWN_AND_TRAIN = """
recipes = ["w8a8"]
[[network]]
model = "net.py:small"
data = "digits"
mean = "-1..1"
[network.train]
epochs = 1
"""
RANDOM_AND_TRAIN = OWN_AND_TRAIN.replace("net.py:small", "micro_cnn").replace(
    'data = "digits"', 'data = "digits"\nweights = "random"'
)
RECIPES = {
    "nothing.toml": '[[rules]]\nwhere = "features.99.*"\nfloat = true\n',
    "torn.toml": "[[rules]\n",
    "keys.toml": '[[rules]]\nwhere = "*"\nweightbits = 4\n',
    "where.toml": "[[rules]]\nweight_bits = 4\n",
    "bits.toml": '[[rules]]\nwhere = "*"\nweight_bits = 9\n',
    "type.toml": '[[rules]]\nwhere = "*"\nweight_bits = "4"\n',
    "table.toml": 'rule = "*"\n',
}


class Whole(nn.Module):
    """Of a script: it cannot be found by its name where the file is read."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)


def lay(folder: Path) -> None:
    """All of it, into an empty folder."""
    (folder / "net.py").write_text(NETWORKS)
    (folder / "syntax.py").write_text("def make(:\n")
    (folder / "missing.py").write_text("import a_package_that_nobody_has\n")
    for name, text in {
        "typo.toml": TYPO, "unknown.toml": UNKNOWN, "no_network.toml": NO_NETWORK, "wrong_type.toml": WRONG_TYPE,
        "own_and_train.toml": OWN_AND_TRAIN, "random_and_train.toml": RANDOM_AND_TRAIN,
    }.items():  # fmt: skip
        (folder / name).write_text(text)
    (folder / "recipes").mkdir()
    for name, text in RECIPES.items():
        (folder / "recipes" / name).write_text(text)
    _weights(folder)
    _images(folder)
    _files(folder)
    _runs(folder)


def _weights(folder: Path) -> None:
    whole = Whole()
    torch.save(whole, folder / "whole.pt")
    torch.save(whole.state_dict(), folder / "another.pt")
    torch.save({"epoch": 3, "optimizer": {}}, folder / "no_weights.pt")
    torch.save(torch.zeros(3), folder / "tensor.pt")
    content = (folder / "another.pt").read_bytes()
    (folder / "torn.pt").write_bytes(content[: len(content) // 2])
    (folder / "empty.pt").write_bytes(b"")
    (folder / "torn.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    (folder / "weights.txt").write_text("hello")
    (folder / "text.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")


def _images(folder: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(folder / "floats.npz", images=np.zeros((200, 8, 8, 1)), labels=np.arange(200) % 10)
    np.savez(folder / "short.npz", images=np.zeros((200, 8, 8, 1), np.uint8), labels=np.arange(5))
    np.savez(folder / "keys.npz", x=np.zeros((200, 8, 8, 1), np.uint8), y=np.arange(200) % 10)
    np.savez(folder / "first.npz", images=np.zeros((200, 1, 8, 8), np.uint8), labels=np.arange(200) % 10)
    images = rng.integers(0, 256, (400, 8, 8, 3), np.uint8)
    np.savez(folder / "rgb.npz", images=images, labels=np.arange(400) % 10)
    np.savez(folder / "from_one.npz", images=images[..., :1], labels=np.arange(400) % 10 + 1)
    (folder / "torn.npz").write_bytes((folder / "rgb.npz").read_bytes()[:900])
    (folder / "empty").mkdir()
    for name in ("cat", "dog"):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.png")
    Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(folder / "grey.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (folder / "labels.csv").write_text("file,label\na.png,0\n")


def _files(folder: Path) -> None:
    (folder / "torn.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(40))
    (folder / "empty.tflite").write_bytes(b"")
    (folder / "text.onnx").write_text("hello")
    (folder / "model.pb").write_bytes(b"\x08\x01")
    (folder / "page.tflite").write_text("<!DOCTYPE html><html><body>Not found</body></html>")
    with zipfile.ZipFile(folder / "zip.keras", "w") as archive:
        archive.writestr("config.json", "{}")


def _runs(folder: Path) -> None:
    for name, text in {
        "torn_run": '{"schema": "edgequant/1", "varia', "other_run": '{"schema": "mlperf/3", "runs": []}',
        "list_run": "[]", "empty_run": "{}", "odd_run": '{"schema": "edgequant/1", "variants": 5, "study": "x"}',
    }.items():  # fmt: skip
        (folder / name).mkdir()
        (folder / name / "results.json").write_text(text)
    (folder / "taken").write_text("mine")


def lay_run(folder: Path, finished: Path) -> None:
    """A finished run, of which a file is found by its usual name; and one of another schema."""
    shutil.copytree(finished, folder / "done")
    record = json.loads((folder / "done" / "results.json").read_text())
    (folder / "newer_run").mkdir()
    (folder / "newer_run" / "results.json").write_text(json.dumps(record | {"schema": "edgequant/2"}))
