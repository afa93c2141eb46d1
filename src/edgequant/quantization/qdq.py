"""The reference graph in torch's own words: ATen operations between `quantized_decomposed` quantize and dequantize.

It is what torch-based lowerings read (ExecuTorch's partitioners). Eagerly it is slow and computes in float between
the grids: a description of the integers, not a simulation of a runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn

from ..core.grid import QParams, WeightQ
from ..graph.ops.table import OPS
from ..graph.program import TOPS, Step, mangle
from .reference import Reference

INT_TYPES = {8: torch.int8, 16: torch.int16}


def to_qdq(reference: Reference) -> nn.Module:
    """float32 `(N, C, H, W)` in, float32 scores out; quantized tensors pass their grids, weights are int8 buffers."""
    return QDQ(reference).eval()


class QDQ(nn.Module):
    """Float layers keep their weights; those of quantized layers are integers behind a dequantize."""

    def __init__(self, reference: Reference) -> None:
        super().__init__()
        _register()
        self.program, self.activations = reference.captured.program, dict(reference.activations)
        self.weights = dict(reference.weights)
        self.floats = nn.ModuleDict()
        for step in self.program.layers:
            self._keep(step, reference.captured.network.layer(step.layer))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores. A tensor has a dequantize for each reader: partitioners take the pair with the operation."""
        values = {self.program.input: self._write(self.program.input, x)}
        for step in self.program.steps:
            result = self._run(step, [self._read(name, values[name]) for name in step.inputs])
            values[step.name] = self._write(step.name, _activate(result, step.activation))
        return self._read(self.program.only.tensor, values[self.program.only.tensor])

    def _keep(self, step: Step, layer: nn.Conv2d | nn.Linear) -> None:
        name = mangle(step.layer).replace("/", "__")
        if step.layer in self.weights:
            weight = self.weights[step.layer]
            self.register_buffer(f"{name}_q", weight.q.to(torch.int8))
            self.register_buffer(f"{name}_scale", weight.scale.float())
            self.register_buffer(f"{name}_zero", torch.zeros(len(weight.scale), dtype=torch.int64))
            self.register_buffer(f"{name}_bias", None if layer.bias is None else layer.bias.detach().clone())
        self.floats[name] = layer

    def _run(self, step: Step, inputs: list[torch.Tensor]) -> torch.Tensor:
        if not step.weighted:
            return self._plain(step, inputs)
        name = mangle(step.layer).replace("/", "__")
        layer = self.floats[name]
        if step.layer not in self.weights:
            return cast("torch.Tensor", layer(inputs[0]))
        weight, bias = self._weight(name, self.weights[step.layer]), getattr(self, f"{name}_bias")
        if isinstance(layer, nn.Linear):
            return F.linear(inputs[0], weight, bias)
        conv = cast("nn.Conv2d", layer)
        return F.conv2d(inputs[0], weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)

    def _plain(self, step: Step, inputs: list[torch.Tensor]) -> torch.Tensor:
        """An operation without weights."""
        if step.kind == "mean":
            return _mean(step.attrs, inputs[0])
        if step.kind in ("relu", "relu6"):  # on its own grid: a delegate clamps integers as they are
            return _activate(self._read(step.name, self._write(step.name, inputs[0])), step.kind)
        return OPS[step.kind].run(step.attrs, None, *inputs)

    def _weight(self, name: str, weight: WeightQ) -> torch.Tensor:
        q, scale, zero = (getattr(self, f"{name}_{part}") for part in ("q", "scale", "zero"))
        high = 2 ** (weight.bits - 1) - 1
        ops = torch.ops.quantized_decomposed
        if len(weight.scale) > 1:
            return cast("torch.Tensor", ops.dequantize_per_channel(q, scale, zero, 0, -high, high, torch.int8))
        return cast("torch.Tensor", ops.dequantize_per_tensor(q, float(weight.scale), 0, -high, high, torch.int8))

    def _write(self, tensor: str, x: torch.Tensor) -> torch.Tensor:
        """Its integers; the tensor itself where it stays in float."""
        qparams = self.activations.get(tensor)
        return x if qparams is None else _op("quantize_per_tensor", x, qparams)

    def _read(self, tensor: str, x: torch.Tensor) -> torch.Tensor:
        """The float value of what `_write` gave."""
        qparams = self.activations.get(tensor)
        return x if qparams is None else _op("dequantize_per_tensor", x, qparams)


def _op(name: str, x: torch.Tensor, qparams: QParams) -> torch.Tensor:
    kind = INT_TYPES[8 if qparams.bits <= 8 else 16]
    grid = (float(qparams.scale), int(qparams.zero_point), qparams.low, qparams.high, kind)
    return cast("torch.Tensor", getattr(torch.ops.quantized_decomposed, name)(x, *grid))


def _activate(x: torch.Tensor, activation: str) -> torch.Tensor:
    """ReLU6 as hardtanh, which partitioners know as a convolution's activation; a clamp they do not."""
    if activation == "relu":
        return torch.relu(x)
    return F.hardtanh(x, 0.0, TOPS[activation]) if activation in TOPS else x


def _mean(attrs: Mapping[str, Any], x: torch.Tensor) -> torch.Tensor:
    """Height and width are kept and dropped afterwards: the global pooling that has an integer kernel keeps them."""
    kept = x.mean((-1, -2), keepdim=True)
    return kept if attrs["keepdim"] else kept.flatten(1)


def _register() -> None:
    """The `quantized_decomposed` operators exist once this module is imported."""
    import torch.ao.quantization.fx._decomposed  # noqa: F401
