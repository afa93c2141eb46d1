"""The blocks of the families people deploy: captured, w8a8, lowered to both runtimes, and through the parity gate."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import architectures
import litert_samples as samples
from edgequant.backends.contract import AbstractBackend
from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.onnxruntime.backend import OnnxRuntime
from edgequant.calibrate.calibrator import AbstractObserver
from edgequant.core.arrays import only
from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured
from edgequant.measure.parity import integer_parity
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.simulation.executor import IntegerExecutor
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

SPEC = InputSpec(3, 16, 16)
IMAGES = normalise(samples.pixels(24, 5, SPEC), SPEC)
TARGETS = {"litert": LiteRT(), "onnxruntime": OnnxRuntime()}


@functools.cache
def calibrated(name: str) -> tuple[Captured, dict[str, AbstractObserver]]:
    return samples.calibrate(architectures.build(name), SPEC)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", architectures.ARCHITECTURES)
def test_w8a8_passes_the_parity_gate(name: str, target: str, tmp_path: Path) -> None:
    captured, seen = calibrated(name)
    backend = TARGETS[target]
    plan = resolve(captured.program, parse_recipe("w8a8"), target, backend.capability)
    made = build(captured, plan, {t: seen[t] for t in observed_tensors(captured, plan)})
    path = samples.lowered(made, tmp_path, backend)
    executor = only(IntegerExecutor(made, backend.arithmetic(made, path))(torch.from_numpy(IMAGES))).numpy()
    file = only(backend.open(path).run_quantized(IMAGES))
    figures = integer_parity(file.astype(np.float32), executor, 1.0, backend.capability.gate)
    assert figures["gate"] == "passed", figures
    assert not made.float_layers
    assert agreement(backend, path, captured) > 0.75  # of 24 images that calibration did not see


def agreement(backend: AbstractBackend, path: Path, captured: Captured) -> float:
    with torch.no_grad():
        wanted = only(captured.network(torch.from_numpy(IMAGES))).numpy()
    return float((only(backend.open(path).run(IMAGES)).argmax(1) == wanted.argmax(1)).mean())


def test_channels_last_layers_leave_no_permute_and_batch_norm_no_arithmetic() -> None:
    kinds = [step.kind for step in calibrated("channels last")[0].program.steps]
    assert kinds == [
        "conv2d",
        "pad",
        "max_pool2d",
        "conv2d",
        "hard_swish",
        "mean",
        "sigmoid",
        "mul",
        "reshape",
        "linear",
    ]


def test_batch_norms_before_a_convolution_are_one_depthwise_layer_each() -> None:
    program = calibrated("ResNetV2")[0].program
    assert sum(bool(step.attrs.get("affine")) for step in program.steps) == 3  # the two blocks' first, and the last


class Attention(nn.Module):
    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.stem, self.head, self.fused = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 5), fused
        self.query, self.key = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        query, key = self.query(x), self.key(x)
        if self.fused:
            x = nn.functional.scaled_dot_product_attention(query, key, x)
        else:
            x = torch.softmax(query @ key.transpose(1, 2), -1) @ x
        return self.head(x.mean(1))  # type: ignore[no-any-return]


@pytest.mark.parametrize(("fused", "operation"), [(True, "scaled_dot_product_attention"), (False, "matmul")])
def test_attention_is_refused_by_name(fused: bool, operation: str) -> None:
    with pytest.raises(BadModel, match=rf"aten\.{operation}.* \(test_architectures\.py, line \d+"):
        capture(Attention(fused), SPEC, ())
