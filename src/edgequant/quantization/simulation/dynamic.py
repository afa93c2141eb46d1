"""A network whose layers quantize their inputs while it runs, as a runtime does it."""

from __future__ import annotations

import torch
from torch import nn

from ...core.errors import Unsupported
from ...core.grid import QParams
from ...graph.program import Step, activate, last_uses
from ..reference import Reference
from .accumulate import accumulate, furthest, pieces
from .arithmetic import Arithmetic, Pick, Product
from .on_the_fly import OnTheFly

ANY_ZERO_POINT = QParams(1.0, 0, 9)  # holds 8-bit integers less a zero point, whatever it is


class DynamicNetwork(nn.Module):
    """float32 `(N, C, H, W)` normalised images in, every output by name out, float32.

    Layers with integer weights compute exact integer sums of what `arithmetic` makes of their inputs; every image has
    ranges of its own. All else is in float32, whose sums a runtime may add in another order.
    Raises Unsupported where the target's kernels quantize nothing on the fly.
    """

    def __init__(self, reference: Reference, arithmetic: Arithmetic | Pick) -> None:
        super().__init__()
        self.network = reference.captured.network
        self.rules: dict[str, OnTheFly] = {}
        self.products: dict[str, Product] = {}
        for step in reference.captured.program.layers:
            if step.layer in reference.weights:
                chosen = arithmetic if isinstance(arithmetic, Arithmetic) else arithmetic(step)
                self.rules[step.name] = _rule(chosen, reference)
                self.products[step.name] = _product(reference, step)

    @torch.inference_mode()
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        program = self.network.program
        values, last = {program.input: x}, last_uses(program)
        for step in program.steps:
            if step.name in self.products:
                values[step.name] = activate(self._layer(step, values[step.inputs[0]]), step.activation)
            else:
                values[step.name] = self.network.run_step(step, values)
            for name in last.get(step.name, ()):
                del values[name]
        return program.results(values)

    def _layer(self, step: Step, x: torch.Tensor) -> torch.Tensor:
        """Before its activation."""
        rule, product = self.rules[step.name], self.products[step.name]
        axes = (1,) if rule.by_pixel and _pointwise(product.layer) else tuple(range(1, x.dim()))
        integers, scale = (rule.linear if step.kind == "linear" else rule.convolution)(x, axes)
        shape = (1, -1, *[1] * (x.dim() - 2))
        sums, weight = accumulate(product, integers), product.scale.view(shape)
        bias = torch.zeros_like(product.scale) if product.layer.bias is None else product.layer.bias
        return rule.scaled(sums, scale, weight, bias.view(shape))


def _pointwise(layer: nn.Conv2d | nn.Linear) -> bool:
    """Whether a convolution looks at one pixel at a time."""
    if isinstance(layer, nn.Linear):
        return False
    padded = layer.padding not in ("valid", "same") and any(layer.padding)
    return layer.kernel_size == (1, 1) and layer.stride == (1, 1) and layer.groups == 1 and not padded


def _rule(chosen: Arithmetic, reference: Reference) -> OnTheFly:
    if chosen.on_the_fly is None:
        raise Unsupported(
            f"The {chosen.name} arithmetic quantizes no activation on the fly, which {reference.recipe} asks."
            " Use target litert or onnxruntime."
        )
    return chosen.on_the_fly


def _product(reference: Reference, step: Step) -> Product:
    """The layer's integers with no bias: it is added in float."""
    layer, weight = reference.captured.network.layer(step.layer), reference.weights[step.layer]
    zeros = torch.zeros(len(weight.q))
    how = pieces(weight.q, zeros, ANY_ZERO_POINT, layer)
    return Product(
        step=step,
        layer=layer,
        weight=weight.q.to(how.kind),
        bias=zeros.to(how.kind if how.whole else torch.float64),
        source=ANY_ZERO_POINT,
        scale=weight.scale.float().expand(len(weight.q)),
        per_channel=len(weight.scale) > 1,
        pieces=how,
        largest=furthest(weight.q, zeros, ANY_ZERO_POINT),
    )
