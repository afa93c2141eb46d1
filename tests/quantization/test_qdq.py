"""The reference graph in torch's own words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgequant.core.arrays import only
from edgequant.quantization.qdq import to_qdq
from edgequant.quantization.simulation.kernels.wide import WIDE
from edgequant.quantization.simulation.simulate import simulator
from litert_samples import images, reference

NETWORKS = ["depthwise", "mean", "add, relu6", "relu", "cat", "no biases", "pad operator", "excite"]


@pytest.mark.parametrize("network", NETWORKS)
def test_it_computes_what_the_executor_computes(network: str) -> None:
    """In float between the grids, so one rounding may fall the other way."""
    made = reference(network, "w8a8")
    x = torch.from_numpy(images())
    step = made.activations[made.captured.program.only.tensor].scale
    apart = (to_qdq(made)(x) - only(simulator(made, WIDE)(x))).abs().max() / step
    assert apart <= 1.01


def test_weights_are_int8_and_each_reader_has_a_dequantize_of_its_own() -> None:
    made = reference("add, relu6", "w8a8")
    exported = torch.export.export(to_qdq(made), (torch.from_numpy(images()[:1]),), strict=True)
    names = [str(n.target) for n in exported.graph.nodes if n.op == "call_function"]
    quantized = sum("quantized_decomposed.quantize_per_tensor" in n for n in names)
    dequantized = sum("quantized_decomposed.dequantize_per_tensor" in n for n in names)
    readers = sum(len(step.inputs) for step in made.captured.program.steps) + 1
    assert quantized == len(made.activations) and dequantized == readers
    assert {b.dtype for name, b in to_qdq(made).named_buffers() if name.endswith("_q")} == {torch.int8}


def test_a_layer_in_float_keeps_its_weights() -> None:
    made = reference("depthwise", "w8a8", floats=("d",))
    x = torch.from_numpy(images())
    assert torch.isfinite(to_qdq(made)(x)).all()
    assert {name for name, _ in to_qdq(made).named_buffers() if name.endswith("_q")} == {"c_q", "fc_q"}


def test_float32_is_the_network_itself() -> None:
    made = reference("mean", "float32")
    x = torch.from_numpy(images())
    np.testing.assert_allclose(to_qdq(made)(x).detach(), only(made.captured.network(x)).detach(), rtol=1e-5, atol=1e-5)
