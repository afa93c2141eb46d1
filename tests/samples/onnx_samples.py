"""Small networks, and references made by hand from the ranges of a few images."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.core.arrays import only
from edgequant.core.grid import QParams, WeightQ
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.graph.ops.table import OPS
from edgequant.graph.program import Captured, Program
from edgequant.quantization.reference import Reference
from edgequant.recipe.scheme import RecipeKind

SPEC = InputSpec(3, 16, 16)
CLASSES = tuple("abcde")


class EveryOp(nn.Module):
    """The plain rows of the op table at least once, with odd paddings, strides and a fused activation of both sorts."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Conv2d(8, 8, 4, padding="same", groups=8)
        self.norm = nn.BatchNorm2d(8)
        self.dilated = nn.Conv2d(8, 8, 3, dilation=2, padding=(2, 2))
        self.padded = nn.Conv2d(8, 8, (3, 2), (2, 1), padding="valid")
        self.gate = nn.Conv2d(16, 16, 1)
        self.fc1 = nn.Linear(64, 12)
        self.fc2 = nn.Linear(12, 5, bias=False)
        nn.init.normal_(self.fc2.weight, 0, 8)  # scores that differ

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)  # 8, 8, 8
        y = F.relu(self.norm(self.depthwise(x)))
        x = F.relu(x + self.dilated(y))  # an add with its activation
        x = F.relu6(F.max_pool2d(x, 3, 2, 1))  # 8, 4, 4; an activation that stands alone
        y = self.padded(F.pad(y, (1, 0, 2, 0)))  # 8, 4, 8
        y = F.max_pool2d(y, (1, 2))  # 8, 4, 4
        x = torch.cat([x, y], 1)  # 16, 4, 4
        x = torch.relu(x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True))))
        x = torch.flatten(F.avg_pool2d(x, 2), 1)  # 64
        return torch.softmax(self.fc2(F.relu(self.fc1(x))), 1)


class Plain(nn.Module):
    """Convolutions and a classifier behind a global mean, as most networks are."""

    def __init__(self) -> None:
        super().__init__()
        conv = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6(), nn.Conv2d(8, 8, 3, groups=8), nn.ReLU()]
        self.features = nn.Sequential(*conv)
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).mean((2, 3)))


def images(count: int = 16, spec: InputSpec = SPEC) -> torch.Tensor:
    return torch.randn(count, *spec.shape, generator=torch.Generator().manual_seed(3))


def captured(module: nn.Module, spec: InputSpec = SPEC, classes: tuple[str, ...] = CLASSES) -> Captured:
    """With weights and BatchNorm statistics that are not those of a fresh network."""
    generator = torch.Generator().manual_seed(5)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.3, generator=generator)
            part.running_var.uniform_(0.5, 1.5, generator=generator)
            part.bias.data.normal_(0, 0.3, generator=generator)
    return capture(module, spec, classes)


def scores(network: Captured, x: torch.Tensor) -> Any:
    with torch.no_grad():
        return only(network.network(x)).numpy()


def reference(network: Captured, kind: RecipeKind, bits: int = 8, per_channel: bool = True) -> Reference:
    """The recipe of that kind, ranges by min and max over `images()`."""
    if kind in ("float32", "float16"):
        return Reference(network, kind, kind)
    weights = {
        s.layer: quantize_weight(network.network.layer(s.layer).weight, bits, per_channel)
        for s in network.program.layers
    }
    if kind != "static":
        return Reference(network, kind, kind, {}, weights)
    return Reference(network, f"w{bits}a8", kind, activations(network), weights)


def quantize_weight(weight: torch.Tensor, bits: int = 8, per_channel: bool = True) -> WeightQ:
    values, high = weight.detach(), 2 ** (bits - 1) - 1
    largest = values.flatten(1).abs().amax(1) if per_channel else values.abs().max().reshape(1)
    scale = largest / high
    steps = torch.round(values / scale.view(-1, *[1] * (values.dim() - 1)))
    return WeightQ(steps.clamp(-high, high).to(torch.int8), scale, bits)


def activations(network: Captured) -> dict[str, QParams]:
    """One set of parameters a group of tensors that share them; a fixed one wins."""
    with torch.no_grad():
        values = network.network.run_all(images(spec=network.inputs), keep=True)
    result: dict[str, QParams] = {}
    for group in groups(network.program):
        low = min(float(values[name].min()) for name in group)
        high = max(float(values[name].max()) for name in group)
        result.update(dict.fromkeys(group, qparams(low, high)))
    for step in network.program.steps:
        if OPS[step.kind].rule == "fixed":
            result[step.name] = QParams(1 / 256, -128)
    return result


def groups(program: Program) -> list[set[str]]:
    together: list[set[str]] = [{name} for name in program.tensors]
    for step in program.steps:
        if OPS[step.kind].rule in ("same", "unified"):
            mine = [g for g in together if g & {step.name, *step.inputs}]
            together = [g for g in together if g not in mine] + [set().union(*mine)]
    return together


def qparams(low: float, high: float) -> QParams:
    """Asymmetric int8 that holds 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255))
    return QParams(scale, int(np.clip(np.rint(-128 - low / scale), -128, 127)))


def simulated(made: Reference, x: torch.Tensor) -> Any:
    """Integers of the output by quantizing and dequantizing in float: no int32 bias, no requantization."""
    network, program = made.captured.network, made.captured.program
    values = {program.input: fake(x, made.activations[program.input])}
    kept = {name: network.layer(name).weight.data for name in made.weights}
    try:
        for name, weight in made.weights.items():
            shape = (-1, *[1] * (weight.q.dim() - 1))
            network.layer(name).weight.data = weight.q.float() * weight.scale.view(shape)
        with torch.no_grad():
            for step in program.steps:
                values[step.name] = fake(network.run_step(step, values), made.activations[step.name])
    finally:
        for name, original in kept.items():
            network.layer(name).weight.data = original
    last = made.activations[program.only.tensor]
    return torch.round(values[program.only.tensor] / last.scale + last.zero_point).numpy()


def fake(x: torch.Tensor, q: QParams) -> torch.Tensor:
    steps = torch.clamp(torch.round(x / q.scale) + q.zero_point, q.low, q.high)
    return (steps - q.zero_point) * q.scale
