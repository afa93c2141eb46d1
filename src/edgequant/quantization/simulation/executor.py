"""Runs a reference graph in exact integer arithmetic, a whole batch at a time.

Integers are held centred (`q - zero_point`) in float32, which is exact below 2^24: convolutions then run on the
float kernels of whatever device holds them, longer sums in pieces (accumulate.py), so no rounding ever happens
that the kernel does not do.

Images run channels-last, which halves the time of torch's float convolutions on CPUs. It changes the order
of a sum, and so nothing here but the float layers of a mixed network (benchmarks/executor_speed.py).

Zero padding is right as it stands: the kernels pad with the zero point, which is 0 once centred.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from ...core.grid import QParams, quantize_bias
from ...graph.program import Step, Visit, last_uses
from ..reference import Reference
from .accumulate import accumulate, furthest, pieces
from .arithmetic import Arithmetic, Operands, Pick, Product


class IntegerExecutor(nn.Module):
    """float32 `(N, C, H, W)` normalised images in; the integers (float32) of every output by name out.

    `arithmetic` computes what a family of kernels computes (`xnnpack`, `builtin`, `onnxruntime`), or
    says which of them runs a step (`pick.arithmetic_for`). An output that stays in float is floats.
    """

    def __init__(self, reference: Reference, arithmetic: Arithmetic | Pick) -> None:
        super().__init__()
        self.reference = reference
        self.arithmetics: dict[str, Arithmetic] = {
            step.name: arithmetic if isinstance(arithmetic, Arithmetic) else arithmetic(step)
            for step in reference.captured.program.steps
        }
        self.products: dict[str, Product] = {
            step.name: self._product(step)
            for step in reference.captured.program.layers
            if reference.runs_in_integers(step)
        }

    @torch.inference_mode()
    def forward(self, x: torch.Tensor, visit: Visit | None = None) -> dict[str, torch.Tensor]:
        """`visit(name, q)` is shown the integers of every integer tensor (float32, in the batch's layout)."""
        program, known = self.reference.captured.program, self.reference.activations
        values = _Values(known, self.arithmetics)
        values.put_real(program.input, _channels_last(x), first=True)
        last = last_uses(program)
        for step in program.steps:
            if self.reference.runs_in_integers(step):
                values.put(step.name, self._run(step, values))
                if visit:
                    visit(step.name, values.integers(step.name))
            else:
                reals = {t: values.real(t) for t in step.inputs}
                values.put_real(step.name, self.reference.captured.network.run_step(step, reals))
            values.drop(last.get(step.name, ()))
        return {output.name: values.result(output.tensor) for output in program.outputs}

    def _run(self, step: Step, values: _Values) -> torch.Tensor:
        known = self.reference.activations
        operands = Operands(
            step, [values.centred(t) for t in step.inputs], [known[t] for t in step.inputs], known[step.name]
        )
        if step.weighted:
            product = self.products[step.name]
            accumulator = accumulate(product, operands.values[0])
            return self.arithmetics[step.name].requantize(accumulator, product, operands.out)
        return self.arithmetics[step.name].ops[step.kind](operands)

    def _product(self, step: Step) -> Product:
        """The layer's integers, and how they are summed without rounding."""
        layer = self.reference.captured.network.layer(step.layer)
        weight, source = self.reference.weights[step.layer], self.reference.activations[step.inputs[0]]
        value = torch.zeros(layer.weight.shape[0]) if layer.bias is None else layer.bias
        bias = quantize_bias(value, source.scale, weight.scale, 64 if source.bits > 8 else 32)
        how = pieces(weight.q, bias, source, layer)
        scale = weight.scale.expand(layer.weight.shape[0]) if len(weight.scale) == 1 else weight.scale
        return Product(
            step=step,
            layer=layer,
            weight=weight.q.to(how.kind),
            bias=bias.to(how.kind if how.whole else torch.float64),
            source=source,
            scale=scale.float(),
            per_channel=len(weight.scale) > 1,
            pieces=how,
            largest=furthest(weight.q, bias, source),
        )


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


class _Values:
    """The tensors alive, as centred integers, as reals, or both."""

    def __init__(self, known: Mapping[str, QParams], arithmetic: Mapping[str, Arithmetic]) -> None:
        """`arithmetic`: of the operators that quantize float tensors, by the tensor's name."""
        self.known = known
        self.arithmetic = arithmetic
        self.q: dict[str, torch.Tensor] = {}
        self.r: dict[str, torch.Tensor] = {}

    def put(self, name: str, centred: torch.Tensor) -> None:
        self.q[name] = centred

    def put_real(self, name: str, value: torch.Tensor, first: bool = False) -> None:
        """A float tensor; the input of the network is quantized by the caller of the file, others by an operator."""
        if name not in self.known or not first:
            self.r[name] = value
        if name in self.known:
            p = self.known[name]
            scale = float(np.float32(p.scale))  # as the file holds it
            steps = torch.round(value / scale) if first else self.arithmetic[name].to_grid(value, p)
            self.q[name] = torch.clamp(steps + p.zero_point, p.low, p.high) - p.zero_point

    def centred(self, name: str) -> torch.Tensor:
        return self.q[name]

    def integers(self, name: str) -> torch.Tensor:
        return self.q[name] + self.known[name].zero_point

    def real(self, name: str) -> torch.Tensor:
        return self.r[name] if name in self.r else self.q[name] * self.known[name].scale

    def result(self, name: str) -> torch.Tensor:
        return self.integers(name) if name in self.known else self.r[name]

    def drop(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.q.pop(name, None)
            self.r.pop(name, None)
