"""Programs of torch.export: read under the author's names, and never unpickled without restriction."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from edgequant.core.arrays import only
from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.models.sources.exported import Exported, check_archive

pytestmark = pytest.mark.filterwarnings("ignore")  # of torch.export's own making


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).mean((2, 3)))  # type: ignore[no-any-return]


def write(path: Path, network: nn.Module, dynamic: bool = True, shape: tuple[int, ...] = (2, 3, 8, 8)) -> str:
    shapes = ({0: torch.export.Dim("n", min=1, max=64)},) if dynamic else None
    torch.export.save(torch.export.export(network.eval(), (torch.randn(shape),), dynamic_shapes=shapes), path)
    return str(path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, nn.Module]:
    torch.manual_seed(0)
    network = Net()
    return write(tmp_path_factory.mktemp("pt2") / "net.pt2", network), network


def changed(saved: str, path: Path, change: Callable[[str, bytes], bytes | None], more: dict[str, bytes]) -> str:
    """The archive with its entries changed (None: left out), and more of them."""
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
        for name, data in more.items():
            new.writestr(name, data)
    return str(path)


def test_a_program_computes_what_its_module_did_under_its_names(saved: tuple[str, nn.Module]) -> None:
    path, network = saved
    source = Exported(path, mean="0.5", std="0.25")
    inputs = source.inputs(None)
    assert inputs == InputSpec(3, 8, 8, mean=(0.5,), std=(0.25,)) and source.has_weights
    found = capture(source.build(inputs, 5).train(), inputs, tuple("abcde"))
    assert [step.layer for step in found.program.layers] == ["features.0", "head"]
    x = torch.randn(3, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(only(found.network(x)), network(x))


def test_what_is_no_image_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no file"):
        Exported("nowhere.pt2").inputs(None)
    with pytest.raises(BadModel, match="dynamic batch"):
        Exported(write(tmp_path / "fixed.pt2", Net(), dynamic=False)).inputs(None)
    with pytest.raises(BadModel, match="one image"):
        Exported(write(tmp_path / "flat.pt2", nn.Linear(4, 2), shape=(2, 4))).inputs(None)
    (tmp_path / "torn.pt2").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(BadModel, match="damaged or no archive"):
        Exported(str(tmp_path / "torn.pt2")).inputs(None)


def test_a_damaged_program_is_refused(saved: tuple[str, nn.Module], tmp_path: Path) -> None:
    path = changed(saved[0], tmp_path / "x.pt2", lambda n, d: b"{}" if "models/" in n else d, {})
    with pytest.raises(BadModel, match=r"cannot be read by torch.export"):
        Exported(path).inputs(None)


class Bomb:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("the pickle in the archive ran",))


def bombed() -> bytes:
    buffer = io.BytesIO()
    torch.save(Bomb(), buffer)
    return buffer.getvalue()


def use_pickle(name: str, data: bytes) -> bytes:
    if not name.endswith("weights_config.json"):
        return data
    config = json.loads(data)
    next(iter(config["config"].values()))["use_pickle"] = True
    return json.dumps(config).encode()


HOSTILE = {
    "an unknown entry": (lambda n, d: d, {"net/data/aotinductor/model/run.so": b"\x7fELF"}, "could be code"),
    "a pickled object": (lambda n, d: d, {"net/data/constants/custom_obj_0": pickle.dumps(1)}, "could be code"),
    "a pickled weight": (use_pickle, {}, "unrestricted unpickling"),
    "a pickled sample": (lambda n, d: bombed() if n.endswith(".pt") else d, {}, "unrestricted unpickling"),
    "an expression": (
        lambda n, d: d.replace(b"Symbol('", b"__import__('os').getcwd() or Symbol('") if "models/" in n else d,
        {},
        "no plain arithmetic",
    ),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_an_archive_that_could_run_code_is_refused(name: str, saved: tuple[str, nn.Module], tmp_path: Path) -> None:
    change, more, words = HOSTILE[name]
    path = changed(saved[0], tmp_path / "net.pt2", change, more)  # type: ignore[arg-type]
    with pytest.raises(BadModel, match=words):
        check_archive(Path(path))
