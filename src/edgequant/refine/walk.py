"""The float network and the quantized one side by side, a step at a time, over all images at once.

A correction of one layer changes what the next ones see, so layers are refined in order. Running the
prefix again for each layer would cost as many passes as there are layers; here every image is carried
from step to step, and each tensor is dropped after its last use: one pass in all.

Memory: for each image, 8 bytes a value of the tensors alive (0.9 MB an image for MobileNetV2 at
32x32 with a stride-1 stem, 12 MB at 224x224). Temporaries are those of one batch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from ..core.arrays import Array
from ..core.errors import BadData
from ..core.grid import WeightQ
from ..core.preprocess import normalise
from ..graph.ops.table import OPS
from ..graph.program import Network, Step, activate, last_uses
from ..quantization.reference import Reference
from ..quantization.simulation.accumulate import accumulate
from ..quantization.simulation.arithmetic import Arithmetic
from ..quantization.simulation.executor import IntegerExecutor, _Values
from ..quantization.simulation.kernels.builtin import BUILTIN
from ..quantization.simulation.kernels.xnnpack import XNNPACK
from ..quantization.simulation.simulate import dequantize_weight

BATCH = 32
See = Callable[[torch.Tensor], None]
FLOAT_BIAS = "float_bias"  # a buffer that is not saved: the bias of the float network under a corrected one


@dataclass(frozen=True)
class Lane:
    """One batch of images on its way: the tensors alive of either network."""

    real: dict[str, torch.Tensor]
    quantized: _Values


class Walk:
    """`reference` is simulated in integers; a layer with weights only, in float on its rounded weights."""

    def __init__(self, reference: Reference, images: Array) -> None:
        """Raises BadData without images."""
        if not len(images):
            raise BadData("There is no image to refine on. Ask for calibration images: --calibration 300.")
        self.executor = IntegerExecutor(reference, lambda step: _arithmetic(reference, step))
        self.truth = float_network(reference.captured.network)
        self.lanes = []
        for start in range(0, len(images), BATCH):
            x = torch.from_numpy(normalise(images[start : start + BATCH], reference.captured.inputs))
            values = _Values(reference.activations, self.executor.arithmetics)
            values.put_real(reference.captured.program.input, x, first=True)
            self.lanes.append(Lane({reference.captured.program.input: x}, values))
        self._last = last_uses(reference.captured.program)

    @property
    def reference(self) -> Reference:
        return self.executor.reference

    def update(self, reference: Reference, step: Step) -> None:
        """Go on with `reference`, in which the layer of `step`, not yet run in integers, has changed."""
        self.executor.reference = reference
        if reference.runs_in_integers(step):
            self.executor.products[step.name] = self.executor._product(step)

    @torch.no_grad()
    def run_float(self, step: Step, see: See | None = None) -> None:
        """One step of the float network; `see` is shown the result before the fused activation, batch by batch."""
        module = self.truth.layer(step.layer) if step.weighted else None
        for lane in self.lanes:
            result = OPS[step.kind].run(step.attrs, module, *(lane.real[t] for t in step.inputs))
            if see:
                see(result)
            lane.real[step.name] = activate(result, step.activation)

    @torch.no_grad()
    def run_quantized(self, step: Step) -> None:
        """One step of the quantized network. Both networks must have run it before the next one begins."""
        for lane in self.lanes:
            if self.reference.runs_in_integers(step):
                lane.quantized.put(step.name, self.executor._run(step, lane.quantized))
            else:
                lane.quantized.put_real(step.name, activate(self._unfused(step, lane), step.activation))
            lane.quantized.drop(self._last.get(step.name, ()))
            for name in self._last.get(step.name, ()):
                del lane.real[name]

    @torch.no_grad()
    def before_activation(self, step: Step) -> Iterator[torch.Tensor]:
        """What the layer gives in the quantized network, as reals, batch by batch: without activation, and with
        the bias as it was before it became an integer."""
        for lane in self.lanes:
            if not self.reference.runs_in_integers(step):
                yield self._unfused(step, lane)
                continue
            product = self.executor.products[step.name]
            accumulator = accumulate(product, lane.quantized.centred(step.inputs[0]))
            shape = (1, -1, *[1] * (accumulator.dim() - 2))
            unit = product.scale * product.source.scale
            rounding = product.layer.bias - product.bias.float() * unit if product.layer.bias is not None else 0 * unit
            yield accumulator.float() * unit.view(shape) + rounding.view(shape)

    def read(self, step: Step, lane: Lane) -> torch.Tensor:
        """The first input of `step` in the quantized network, as it reads it: on the grid where it runs in integers."""
        name = step.inputs[0]
        if self.reference.runs_in_integers(step):
            return lane.quantized.centred(name) * self.reference.activations[name].scale
        return lane.quantized.real(name)

    def _unfused(self, step: Step, lane: Lane) -> torch.Tensor:
        module: nn.Module | None = None
        if step.weighted:
            module = self.reference.captured.network.layer(step.layer)
            weight = self.reference.weights.get(step.layer)
            module = module if weight is None else _rounded(module, weight)
        return OPS[step.kind].run(step.attrs, module, *(lane.quantized.real(t) for t in step.inputs))


def _arithmetic(reference: Reference, step: Step) -> Arithmetic:
    """XNNPACK's, of any width up to 8 bits; wider activations are not its business but the builtin kernels'."""
    known = reference.activations
    wide = any(known[t].bits > 8 for t in (*step.inputs, step.name) if t in known)
    return BUILTIN if wide else XNNPACK


def _rounded(layer: nn.Conv2d | nn.Linear, weight: WeightQ) -> nn.Module:
    rounded = copy.deepcopy(layer)
    rounded.weight.data = dequantize_weight(weight)
    return rounded


def float_network(network: Network) -> Network:
    """The network with the biases it had before any correction: what the quantized one is held against."""
    truth = copy.deepcopy(network)
    for step in truth.program.layers:
        layer = truth.layer(step.layer)
        if hasattr(layer, FLOAT_BIAS):
            layer.bias = nn.Parameter(layer.get_buffer(FLOAT_BIAS).clone())
    return truth


def correct_bias(layer: nn.Conv2d | nn.Linear, by: torch.Tensor) -> None:
    """Add `by`, (O,) float32, to the bias, in place, and keep the first one for whoever refines next."""
    bias = torch.zeros_like(by) if layer.bias is None else layer.bias.detach()
    if not hasattr(layer, FLOAT_BIAS):
        layer.register_buffer(FLOAT_BIAS, bias.clone(), persistent=False)
    layer.bias = nn.Parameter(bias + by)
