"""TensorFlow Lite Micro's own interpreter: the same integers as the simulation, and the RAM it plans."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import litert_samples as samples
from edgequant.backends.litert import micro_session as micro
from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.litert.tflm import TFLM
from edgequant.core.arrays import only
from edgequant.core.errors import BadFile, MissingExtra, Unsupported
from edgequant.quantization.simulation.executor import IntegerExecutor

pytest.importorskip("tflite_micro", reason="the extra tflm is not installed")
BACKEND = TFLM()


@pytest.mark.parametrize("name", ["depthwise", "mean", "excite"])
@pytest.mark.parametrize("recipe", ["w8a8", "w8a16"])
def test_its_integers_are_within_a_step_of_the_builtin_arithmetic(name: str, recipe: str, tmp_path: Path) -> None:
    made, x = samples.reference(name, recipe), samples.images()
    path = BACKEND.lower(made, tmp_path / "net.micro.tflite").path
    promised = only(IntegerExecutor(made, BACKEND.arithmetic(made, path))(torch.from_numpy(x))).numpy()
    difference = np.abs(only(BACKEND.open(path).run_quantized(x)).astype(int) - promised)
    assert difference.max() <= 1 and (difference == 0).mean() > 0.5


def test_float32_is_what_litert_computes(tmp_path: Path) -> None:
    made, x = samples.reference("depthwise", "float32"), samples.images()
    path = BACKEND.lower(made, tmp_path / "net.micro.tflite").path
    np.testing.assert_allclose(only(BACKEND.open(path).run(x)), only(LiteRT().open(path).run(x)), rtol=1e-4, atol=1e-5)


def test_the_arena_of_int8_is_smaller_than_that_of_float32(tmp_path: Path) -> None:
    sizes = {}
    for recipe in ("float32", "w8a8"):
        path = BACKEND.lower(samples.reference("depthwise", recipe), tmp_path / f"{recipe}.micro.tflite").path
        arena = BACKEND.open(path).arena()
        assert arena is not None and arena["total"] == arena["head"] + arena["tail"]
        sizes[recipe] = arena["head"]
    assert sizes["w8a8"] < 0.5 * sizes["float32"]


def test_every_kernel_is_the_interpreters_own(tmp_path: Path) -> None:
    path = BACKEND.lower(samples.reference("depthwise", "w8a8"), tmp_path / "net.micro.tflite").path
    kernels = BACKEND.open(path).kernels()
    assert kernels["delegated"] == 0 and kernels["total"] == sum(kernels["by"].values()) > 0
    session = BACKEND.open(path)
    session.prepare(samples.images()[:1])
    session.invoke()


def test_what_its_kernels_do_not_take_is_refused_when_the_file_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> Any:
        raise BadFile(f"TensorFlow Lite Micro cannot open {path}: TFLM has no FLOOR kernel.")

    monkeypatch.setattr(micro, "MicroSession", refuse)
    with pytest.raises(Unsupported, match="no FLOOR kernel"):
        BACKEND.lower(samples.reference("depthwise", "w8a8"), tmp_path / "net.micro.tflite")


def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.micro.tflite").write_bytes(b"\x00\x00\x00\x00TFL3" + bytes(64))
    with pytest.raises(BadFile) as caught:
        BACKEND.open(tmp_path / "x.micro.tflite")
    assert "\n" not in str(caught.value)


def test_without_the_extra_it_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = BACKEND.lower(samples.reference("depthwise", "w8a8"), tmp_path / "net.micro.tflite").path
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("tflite_micro"):
            raise ImportError(name)
        return real(name, *rest, **more)

    for module in [m for m in sys.modules if m.startswith("tflite_micro")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"pip install 'edgequant\[tflm\]'"):
        BACKEND.open(path)
