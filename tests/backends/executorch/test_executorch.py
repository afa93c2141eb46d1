"""ExecuTorch, where its package is installed: one w8a8 file and one of floats, made once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edgequant.backends.executorch.backend import ExecuTorch
from edgequant.backends.executorch.lower import package
from edgequant.backends.executorch.session import ExecuTorchSession
from edgequant.core.arrays import only
from edgequant.core.errors import BadFile, BadModel, MissingExtra, Unsupported
from edgequant.core.image import Deployment
from edgequant.quantization.simulation.simulate import simulator
from litert_samples import images, lowered, reference

BACKEND = ExecuTorch()
Made = Callable[[str], Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    pytest.importorskip("executorch.exir", exc_type=ImportError)
    folder, done = tmp_path_factory.mktemp("pte"), {}

    def one(recipe: str) -> Path:
        if recipe not in done:
            (folder / recipe).mkdir()
            done[recipe] = lowered(reference("add, relu6", recipe, target=BACKEND), folder / recipe, BACKEND)
        return done[recipe]

    return one


@pytest.mark.filterwarnings("ignore")
def test_a_w8a8_file_gives_the_executors_integers(made: Made) -> None:
    path, one = made("w8a8"), reference("add, relu6", "w8a8", target=BACKEND)
    session = BACKEND.open(path)
    assert isinstance(session, ExecuTorchSession)
    expected = only(simulator(one, BACKEND.arithmetic(one, path))(torch.from_numpy(images()))).numpy()
    assert session.only.scale == one.activations[one.captured.program.only.tensor].scale
    assert np.abs(only(session.run(images())) - expected).max() < 0.25 * session.only.scale
    integers = only(session.run_quantized(images()))
    out = one.activations[one.captured.program.only.tensor]
    assert integers.dtype == np.int8
    assert np.array_equal(integers, np.rint(expected / out.scale).astype(int) + out.zero_point)


@pytest.mark.filterwarnings("ignore")
def test_every_operator_is_delegated_and_the_file_tells_what_it_is(made: Made) -> None:
    session = BACKEND.open(made("w8a8"))
    kernels = session.kernels()
    assert kernels["delegated"] == kernels["total"] == kernels["by"]["XNNPACK"] > 0
    found = BACKEND.inspect(made("w8a8"))
    assert found["operators"] == {"XnnpackBackend": 1} and found["bytes"]["total"] == made("w8a8").stat().st_size
    assert found["metadata"]["recipe"] == "w8a8" and found["metadata"]["shape"] == [3, 9, 7]
    assert isinstance(session, ExecuTorchSession) and session.counted(None, {}) == kernels
    session.prepare(images()[:1])
    session.invoke()
    assert np.array_equal(session.decode(session.encode(images())), images())
    with pytest.raises(BadModel, match="ExecuTorch could not run"):
        session.run(np.zeros((1, 3, 99, 99), np.float32))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no such thing", "is not a .pte file"), (b"\0\0\0\0ET12" + b"\xff" * 64, "ExecuTorch cannot open")],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_pte_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    pytest.importorskip("executorch.runtime", exc_type=ImportError)
    (tmp_path / "bad.pte").write_bytes(content)
    with pytest.raises(BadFile, match=message):
        BACKEND.open(tmp_path / "bad.pte")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="There is no file"):
        BACKEND.open(tmp_path / "none.pte")


def test_without_the_package_its_install_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "executorch", None)
    monkeypatch.delitem(sys.modules, "executorch.runtime", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'edgequant\[executorch\]'"):
        package("executorch.runtime")


def test_a_fault_inside_a_package_is_not_called_a_missing_extra() -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing_like_it"):
        package("nothing_like_it")


def test_integers_at_the_border_are_refused() -> None:
    one = reference("mean", "w8a8", target=BACKEND)
    asked = replace(one, captured=replace(one.captured, deployed=Deployment(input="uint8")))
    with pytest.raises(Unsupported, match="takes and gives float32 in NCHW"):
        BACKEND.lower(asked, Path("never.pte"))


@pytest.mark.parametrize("recipe", ["float16", "dynamic-w8", "w8"])
def test_what_it_does_not_write_is_said_before_any_work(recipe: str) -> None:
    with pytest.raises(Unsupported, match="writes float32 and static 8-bit files so far"):
        reference("mean", recipe, target=BACKEND)
