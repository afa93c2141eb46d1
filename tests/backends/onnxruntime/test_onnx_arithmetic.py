"""The executor against ONNX Runtime: every integer equal where it has integer kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import litert_samples as samples
from edgequant.backends.onnxruntime.backend import OnnxRuntime
from edgequant.core.arrays import only
from edgequant.quantization.simulation.executor import IntegerExecutor

BACKEND = OnnxRuntime()


def both(name: str, recipe: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    made, x = samples.reference(name, recipe, target=BACKEND), samples.images()
    path = samples.lowered(made, folder, BACKEND)
    executor = IntegerExecutor(made, BACKEND.arithmetic(made, path))
    return only(BACKEND.open(path).run_quantized(x)), only(executor(torch.from_numpy(x))).numpy()


@pytest.mark.parametrize("name", samples.NETS)
def test_w8a8(name: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(*both(name, "w8a8", tmp_path))


@pytest.mark.parametrize("name", ["depthwise", "grouped", "linear only", "add, relu6", "average pool, same"])
def test_w4a8_runs_in_integer_kernels_too(name: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(*both(name, "w4a8-all", tmp_path))
    kernels = BACKEND.open(tmp_path / "net.onnx").kernels()["by"]
    assert not {"Conv", "Gemm", "DequantizeLinear"} & kernels.keys()
