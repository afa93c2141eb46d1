"""1x1 convolutions of 4-bit weights run in XNNPACK, as the executor says they do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import litert_samples as samples
from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.tflite.read.read import read_reference
from edgequant.core.arrays import only
from edgequant.quantization.simulation.executor import IntegerExecutor


def net(inputs: int, outputs: int, stride: int) -> nn.Module:
    def body(m: samples.Net, x: torch.Tensor) -> torch.Tensor:
        return m.fc(m.d(F.relu6(m.c(x))).mean((2, 3)))  # type: ignore[no-any-return]

    torch.manual_seed(inputs)
    parts = {
        "c": samples.same(inputs),
        "d": samples.conv(inputs, outputs, 1, stride=stride),
        "fc": nn.Linear(outputs, 5),
    }
    return samples.Net(body, **parts)


@pytest.mark.parametrize(("inputs", "outputs"), [(8, 24), (16, 7), (33, 64), (5, 3)])
def test_the_file_answers_what_the_executor_does(inputs: int, outputs: int, tmp_path: Path) -> None:
    made, path = samples.reference(net(inputs, outputs, 1), "w4a8-all"), tmp_path / "net.tflite"
    LiteRT().lower(made, path)
    x, session = samples.images(), LiteRT().open(path)
    np.testing.assert_array_equal(
        only(session.run_quantized(x)),
        only(IntegerExecutor(made, LiteRT().arithmetic(made, path))(torch.from_numpy(x))).numpy(),
    )
    operators = LiteRT().inspect(path)["operators"]
    assert (operators["FULLY_CONNECTED"], operators["CONV_2D"]) == (2, 1)


def test_it_stays_in_the_delegate_and_a_strided_one_is_a_convolution(tmp_path: Path) -> None:
    kernels = []
    for stride in (1, 2):
        path = tmp_path / f"{stride}.tflite"
        LiteRT().lower(samples.reference(net(16, 32, stride), "w4a8-all"), path)
        kernels.append(LiteRT().open(path).kernels()["by"].get("CONV_2D", 0))
    assert kernels == [1, 2]  # the first layer is 3x3 in both


def test_it_reads_back_as_the_convolution(tmp_path: Path) -> None:
    made, path = samples.reference(net(8, 24, 1), "w4a8-all"), tmp_path / "net.tflite"
    LiteRT().lower(made, path)
    back = read_reference(path)
    assert [step.kind for step in back.captured.program.layers] == ["conv2d", "conv2d", "linear"]
    again = LiteRT().lower(back, tmp_path / "again.tflite")
    assert again.path.read_bytes() == path.read_bytes()


def test_eight_bits_stay_a_convolution(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    LiteRT().lower(samples.reference(net(8, 24, 1), "w8a8"), path)
    assert LiteRT().inspect(path)["operators"]["CONV_2D"] == 2
