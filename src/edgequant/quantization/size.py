"""How large a file would be that nobody writes: the size of a simulated variant."""

from __future__ import annotations

from .reference import Reference


def estimated_bytes(reference: Reference) -> int:
    """The bytes of the parameters alone, without the overhead of any container.

    For each layer of n weights, O outputs and S scales (O per channel, 1 per tensor):

        quantized to b bits    ceil(n * b / 8) + 4 * S, and a bias of 4 * O (8 * O where its input has over 8 bits)
        left in float32        4 * n + 4 * O
        float16                2 * n + 2 * O

    A layer without bias has none counted. Ratios compare this figure with the same figure of the float32 network,
    never with a file. What no layer owns (the parameters of activations, names, the graph) is not counted.
    """
    network = reference.captured.network
    total = 0
    for step in reference.captured.program.layers:
        layer, weight = network.layer(step.layer), reference.weights.get(step.layer)
        outputs = 0 if layer.bias is None else layer.bias.numel()
        if weight is None:
            total += (layer.weight.numel() + outputs) * (2 if reference.kind == "float16" else 4)
            continue
        source = reference.activations.get(step.inputs[0])
        wide = source is not None and source.bits > 8
        total += -(-weight.q.numel() * weight.bits // 8) + 4 * weight.scale.numel() + outputs * (8 if wide else 4)
    return total
