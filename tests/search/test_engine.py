"""Only what changed is run, and the answer is that of running everything."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgequant.core.arrays import only
from edgequant.core.grid import fake_quantize
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.quantization.simulation.executor import IntegerExecutor
from edgequant.quantization.simulation.kernels.xnnpack import XNNPACK
from edgequant.quantization.simulation.simulate import dequantize_weight
from edgequant.search import engine
from edgequant.search.forms import FLOAT, alone, together, uniform
from search_samples import batches, images, network, observers, ranges


def nothing(done: int, total: int) -> None:
    """No bar."""


def questions(bits: int = 4) -> list[engine.Question]:
    reference = uniform(network(), observers(), bits, 8)
    return [engine.Question(step, step, form) for step, form in alone(reference).items()]


def test_asking_equals_full_evaluations_to_the_last_bit() -> None:
    base = engine.Engine(network(), {})
    fast = engine.ask(base, batches(), questions(), nothing)
    slow = engine.naive(base, batches(), questions(), nothing)
    assert torch.equal(fast.base, slow.base) and fast.scores.keys() == slow.scores.keys()
    assert all(torch.equal(fast.scores[key], slow.scores[key]) for key in fast.scores)
    assert all(not torch.equal(fast.scores[key], fast.base) for key in fast.scores)


def test_so_it_does_for_layers_spared_in_a_quantized_network() -> None:
    base = engine.Engine(network(), together(uniform(network(), observers(), 4, 8)))
    spared = [engine.Question(step.name, step.name, FLOAT) for step in network().program.layers]
    fast, slow = (ask(base, batches(), spared, nothing) for ask in (engine.ask, engine.naive))
    assert all(torch.equal(fast.scores[key], slow.scores[key]) for key in fast.scores)


def test_the_base_network_in_float_is_the_captured_network() -> None:
    found = engine.ask(engine.Engine(network(), {}), batches(), [], nothing)
    with torch.inference_mode():
        torch.testing.assert_close(found.base, only(network().network(images())), rtol=1e-5, atol=1e-6)


def test_a_question_changes_one_layer_and_nothing_before_it() -> None:
    step = network().program.layers[2]
    reference = uniform(network(), observers(), 4, 8)
    form = alone(reference)[step.name]
    (x,) = batches(16)
    base = engine.Engine(network(), {})
    values = base.keep(x)
    layer = network().network.layer(step.layer)
    source = fake_quantize(values[step.inputs[0]], reference.activations[step.inputs[0]])
    weight = dequantize_weight(reference.weights[step.layer])
    made = torch.clamp(torch.nn.functional.conv2d(source, weight, layer.bias, 1, 1, 1, 16), 0, 6)
    want = fake_quantize(made, reference.activations[step.name])
    with torch.inference_mode():
        torch.testing.assert_close(base.run(step, values, form), want)
    names = [s.name for s in base.affected[step.name]]
    assert names[0] == step.name and network().program.layers[0].name not in names


def test_everything_quantized_is_near_the_integer_executor() -> None:
    reference = uniform(network(), observers(), 8, 8)
    found = engine.ask(engine.Engine(network(), together(reference)), batches(), [], nothing)
    out = reference.activations[network().program.only.tensor]
    exact = (only(IntegerExecutor(reference, XNNPACK)(images())) - out.zero_point) * out.scale
    assert float((found.base - exact).abs().max()) <= 3 * out.scale


def test_the_batch_fits_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine.batch_size(network()) == engine.LARGEST_BATCH
    monkeypatch.setattr(engine, "MEMORY", 100_000)
    assert 1 <= engine.batch_size(network()) < engine.LARGEST_BATCH
    monkeypatch.setattr(engine, "MEMORY", 1)
    assert engine.batch_size(network()) == 1


def test_images_are_what_a_file_would_be_fed() -> None:
    pixels = np.full((1, 8, 8, 3), 128, np.uint8)
    assert not normalise(pixels, network().inputs).any()


class Resized(nn.Module):
    """Averages and sums of pixels, which are no pixels of their grid; moves, which are."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 3, 1, 1), nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.interpolate(nn.functional.avg_pool2d(self.stem(x), 2), scale_factor=2, mode="bilinear")
        x = torch.cat([nn.functional.max_pool2d(x, 2), nn.functional.avg_pool2d(x, 2)], 1)
        return self.head(nn.functional.interpolate(x, scale_factor=2).mean((2, 3)))  # type: ignore[no-any-return]


def test_every_result_lies_on_its_grid_as_in_the_integer_executor() -> None:
    torch.manual_seed(0)
    captured = capture(Resized().eval(), network().inputs, ("a", "b", "c", "d"))
    reference = uniform(captured, ranges(captured), 8, 8)
    with torch.inference_mode():
        values = engine.Engine(captured, together(reference)).keep(images())
    for step in captured.program.steps:
        torch.testing.assert_close(
            values[step.name], fake_quantize(values[step.name], reference.activations[step.name])
        )
    exact = IntegerExecutor(reference, XNNPACK)(images())
    out = reference.activations[captured.program.only.tensor]
    found, wanted = values[captured.program.only.tensor], (only(exact) - out.zero_point) * out.scale
    assert float((found - wanted).abs().max()) <= 3.5 * out.scale  # three steps, in float32
