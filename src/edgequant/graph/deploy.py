"""A captured network that takes the camera's bytes: mean and std become part of it.

An 8-bit input tensor has one scale and one zero point. Where mean and std are the same for all channels and the mean
is a whole byte value, they *are* that scale and that zero point, and nothing changes. Else the normalisation
`x = (byte / 255 - mean) / std` is folded into the weights and biases of the layers that read the input. A layer that
pads would pad the unnormalised image with another value than before; there the normalisation becomes a layer of its
own, a 1x1 depthwise convolution, and every padding stays what it was. In float all three are the same function.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import nn

from ..core.image import Deployment, InputSpec
from ..core.pixels import BYTE, are_bytes
from .ending import logits
from .program import Captured, Network, Step

LOGITS = "logits"
RAW = ("uint8", "int8")  # inputs whose integers are pixels
NORMALISE = "normalise"  # the layer and the step
MIDDLE = 128 / BYTE  # with this mean and std, an int8 input of scale 1/128 and zero point 0 is the byte less 128


def deployed(captured: Captured, how: Deployment) -> Captured:
    """`captured` as it will meet its app: with raw pixels as input, without its last softmax, where `how` says so.

    Raises BadOption for logits of a network that ends in no softmax.
    """
    taking = raw_pixels(captured) if how.input in RAW else captured
    if how.output == LOGITS:  # what is computed, not the type of it: that is the recipe's own
        return replace(logits(taking), deployed=replace(how, output=""))
    return replace(taking, deployed=how)


def raw_pixels(captured: Captured) -> Captured:
    """The same function of the pixels, with an `InputSpec` whose 8-bit grid is the bytes themselves."""
    old = captured.inputs
    new = raw_spec(old)
    if new == old:
        return captured
    gain, shift = _affine(old, new)
    if _folds(captured, bool((shift != 0).any())):
        return replace(captured, inputs=new, network=_folded(captured, gain, shift))
    return replace(captured, inputs=new, network=_prepended(captured, gain, shift))


def raw_spec(spec: InputSpec) -> InputSpec:
    """`spec` itself where it is raw; else one mean and one std, and the mean kept where that is possible."""
    if are_bytes(spec.mean, spec.std):
        return spec
    kept = replace(spec, mean=spec.mean[:1], std=(MIDDLE,))
    if len({*spec.mean}) == 1 and are_bytes(kept.mean, kept.std):
        return kept
    return replace(spec, mean=(MIDDLE,), std=(MIDDLE,))


def _affine(old: InputSpec, new: InputSpec) -> tuple[torch.Tensor, torch.Tensor]:
    """(C,) float64 gain and shift: what the old normalisation gives is `gain * x + shift` of what the new one gives."""
    means, deviations = (torch.tensor(v, dtype=torch.float64).expand(old.channels) for v in (old.mean, old.std))
    return new.std[0] / deviations, (new.mean[0] - means) / deviations


def _folds(captured: Captured, shifts: bool) -> bool:
    """Whether every reader of the input is a layer that can take the normalisation exactly."""
    program = captured.program
    readers = program.users(program.input)
    for step in readers:
        conv = captured.network.layer(step.layer) if step.kind == "conv2d" else None
        alone = all(program.input in s.inputs for s in program.layers if s.layer == step.layer)
        pads = isinstance(conv, nn.Conv2d) and conv.padding not in ((0, 0), "valid")
        if not isinstance(conv, nn.Conv2d) or not alone or (shifts and pads):  # zeros would no longer be what it pads
            return False
    return bool(readers)


def _folded(captured: Captured, gain: torch.Tensor, shift: torch.Tensor) -> Network:
    """The layers that read the input take the normalisation: W' = W * gain, b' = b + sum(W * shift)."""
    network = copy.deepcopy(captured.network)
    for name in {step.layer for step in network.program.users(network.program.input)}:
        conv = network.layer(name)
        assert isinstance(conv, nn.Conv2d)
        weight = conv.weight.detach().double()
        per_group = weight.shape[1]
        group = torch.arange(len(weight)) // (len(weight) // conv.groups)
        channel = group[:, None] * per_group + torch.arange(per_group)  # (O, I/groups): which input each weight reads
        bias = torch.zeros(len(weight)) if conv.bias is None else conv.bias.detach()
        moved = bias.double() + (weight * shift[channel][..., None, None]).sum((1, 2, 3))
        _give(conv, (weight * gain[channel][..., None, None]).float(), moved.float())
    return network


def _prepended(captured: Captured, gain: torch.Tensor, shift: torch.Tensor) -> Network:
    """A 1x1 depthwise convolution at the head; everything that read the input reads its result."""
    program, channels = captured.program, len(gain)
    name = _free({*program.tensors, *(step.layer for step in program.steps)})
    conv = nn.Conv2d(channels, channels, 1, groups=channels, device="meta")
    _give(conv, gain.float().view(-1, 1, 1, 1), shift.float())
    first = Step(name, "conv2d", (program.input,), program.input_shape, {"depthwise": True, "normalises": True}, name)
    rest = [replace(s, inputs=tuple(name if t == program.input else t for t in s.inputs)) for s in program.steps]
    outputs = tuple(replace(o, tensor=name) if o.tensor == program.input else o for o in program.outputs)
    return captured.network.running(replace(program, steps=(first, *rest), outputs=outputs), {name: conv})


def _free(taken: set[str]) -> str:
    """`normalise`, with as many underscores as make it a name that nothing has."""
    name = NORMALISE
    while name in taken:
        name += "_"
    return name


def _give(layer: nn.Module, weight: torch.Tensor, bias: torch.Tensor) -> None:
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
