"""Tensors and layers of a file, against a plain computation of the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from doctor_samples import SPEC, Clinic, scaled, with_coarse_weights, with_grid
from edgequant.core.arrays import Array, only
from edgequant.core.image import Deployment
from edgequant.core.preprocess import normalise
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.simulate import dequantize_weight
from edgequant.questions.doctor.case import Case
from edgequant.questions.doctor.examination.file_side import file_side
from edgequant.questions.doctor.examination.float_side import FloatSide
from edgequant.questions.doctor.examination.layers import layer_facts
from edgequant.questions.doctor.examination.tensors import grid_range, tensor_facts
from edgequant.questions.doctor.examination.twin import FloatTwin, twin_of


def twin(patient: Clinic, reference: Reference) -> FloatTwin:
    import copy

    stored = copy.deepcopy(patient.captured.network)
    for name, weight in reference.weights.items():
        stored.layer(name).weight.data = dequantize_weight(weight)
    return FloatTwin(stored, reference.activations, patient.captured.network)


def images(patient: Clinic, n: int = 70) -> Array:
    return normalise(patient.splits.validation.take(np.arange(n)), SPEC)


def test_a_tensors_facts_are_those_of_its_float_values(patient: Clinic) -> None:
    name = patient.captured.program.steps[1].name
    reference = with_grid(patient.reference(), name, scaled(0.3))
    x = images(patient)
    found = {t.name: t for t in tensor_facts(twin(patient, reference), x)}
    with torch.inference_mode():
        values = patient.captured.network.run_all(torch.from_numpy(x), keep=True)[name].double().numpy()
    grid = reference.activations[name]
    low, high = grid_range(grid)
    over = np.clip(np.maximum(values - high, low - values) - grid.scale, 0, None)
    steps = np.clip(np.rint(values / grid.scale + grid.zero_point), grid.low, grid.high)
    one = found[name]
    assert (one.seen_low, one.seen_high, one.images) == (values.min(), values.max(), len(x))
    assert one.clipped == int((over.reshape(len(x), -1) > 0).any(1).sum()) > 0
    assert one.clip_energy == pytest.approx((over**2).mean()) and one.variance == pytest.approx(values.var())
    assert one.codes == len(np.unique(steps)) and (one.low, one.high, one.step) == (low, high, grid.scale)


def test_the_input_and_the_output_are_not_among_them(patient: Clinic) -> None:
    program = patient.captured.program
    found = [t.name for t in tensor_facts(twin(patient, patient.reference()), images(patient, 4))]
    assert found == [s.name for s in program.steps if s.name != program.only.tensor]


def test_a_constant_tensor_has_no_variance(patient: Clinic) -> None:
    whole = twin(patient, patient.reference())
    layer = whole.program.layers[0]
    assert whole.floats is not None
    whole.stored.layer(layer.layer).weight.data.zero_()
    found = tensor_facts(dataclasses.replace(whole, floats=None), images(patient, 8))
    plain = [t for t in found if t.name == layer.name]
    assert plain[0].variance > 0, "a bias for each channel is no constant"
    whole.stored.layer(layer.layer).bias.data.zero_()  # type: ignore[union-attr]
    found = tensor_facts(dataclasses.replace(whole, floats=None), images(patient, 8))
    assert found[0].variance == 0 and found[0].codes == 1


def test_a_layer_put_back_is_what_a_network_without_its_rounding_computes(patient: Clinic) -> None:
    reference = with_coarse_weights(patient.reference(), "2", 60)
    x = images(patient, 96)
    found = {fact.name: fact for fact in layer_facts(twin(patient, reference), x)}
    assert set(found) == {"0", "2", "4", "8"} and found["2"].share == max(f.share for f in found.values())
    spared = {name: w for name, w in reference.weights.items() if name != "2"}
    made = next(s.name for s in patient.captured.program.layers if s.layer == "2")
    grids = {name: grid for name, grid in reference.activations.items() if name != made}
    wanted = _fake_quantized(twin(patient, dataclasses.replace(reference, weights=spared)), grids, x)
    truth = only(patient.captured.network(torch.from_numpy(x))).detach().numpy()
    before = _fake_quantized(twin(patient, reference), reference.activations, x)
    share = 1 - ((wanted - truth) ** 2).mean() / ((before - truth) ** 2).mean()
    assert found["2"].share == pytest.approx(share, abs=1e-4)
    assert np.array_equal(found["2"].agree, wanted.argmax(1) == truth.argmax(1))


def _fake_quantized(whole: FloatTwin, grids: object, x: Array) -> Array:
    """The whole network step by step, with torch's own fake quantization."""
    assert isinstance(grids, dict)
    values = {whole.program.input: torch.from_numpy(x)}

    def put(name: str, value: torch.Tensor) -> None:
        p = grids.get(name)
        values[name] = (
            value if p is None else torch.fake_quantize_per_tensor_affine(value, p.scale, p.zero_point, p.low, p.high)
        )

    put(whole.program.input, values[whole.program.input])
    with torch.no_grad():
        for step in whole.program.steps:
            put(step.name, whole.stored.run_step(step, values))
    return values[whole.program.only.tensor].numpy()


def test_layers_are_not_put_back_where_none_could_be_found_guilty(patient: Clinic) -> None:
    assert layer_facts(twin(patient, patient.reference()), images(patient)) == ()
    unknown = dataclasses.replace(twin(patient, with_coarse_weights(patient.reference(), "2", 60)), floats=None)
    assert layer_facts(unknown, images(patient)) == ()


@pytest.mark.parametrize("target", ["litert", "onnxruntime"])
def test_a_files_twin_has_its_weights_and_grids(target: str, patient: Clinic) -> None:
    reference = with_coarse_weights(patient.reference(target=target), "4", 5)
    file = patient.file(reference, target, f"twin-{target}")
    side, quantized = FloatSide(SPEC, patient.splits, "", patient.captured), file_side(Case(patient.source, file))
    found, unseen = twin_of(quantized, side, patient.splits.validation.take(np.arange(8)))
    assert found is not None and not unseen and found.floats is not None
    for step, own in zip(found.program.layers, patient.captured.program.layers):
        wanted = dequantize_weight(reference.weights[own.layer])
        assert torch.allclose(found.stored.layer(step.layer).weight, wanted, atol=1e-6)
    out = patient.captured.program.only.tensor
    assert found.activations[found.program.only.tensor] == reference.activations[out]
    assert twin_of(quantized, dataclasses.replace(side, captured=None), np.zeros((8, 8, 8, 3), np.uint8))[1]


@pytest.mark.parametrize("target", ["litert", "onnxruntime"])
def test_scores_that_the_file_itself_makes_floats_of_have_a_step_and_no_ends(target: str, patient: Clinic) -> None:
    reference = patient.reference(target=target)
    asked = dataclasses.replace(reference.captured, deployed=Deployment(output="float32"))
    file = patient.file(dataclasses.replace(reference, captured=asked), target, f"floats-{target}")
    found = file_side(Case(patient.source, file)).output_facts()
    step = reference.activations[patient.captured.program.only.tensor].scale
    assert (found.scale, found.low, found.high) == (pytest.approx(step), -np.inf, np.inf)
    assert patient.see(file)["outputs"]["max_steps"] is not None
