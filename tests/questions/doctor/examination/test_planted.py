"""A fault of each kind, planted: it is found, named first, and gone once what the doctor says is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
import pytest

from doctor_samples import Clinic, Mend, photographs, scaled, with_coarse_weights, with_grid
from edgequant.backends.tflite.inspect import read_model
from edgequant.catalog import FINDINGS
from edgequant.core.arrays import Array
from edgequant.core.pixels import Stated

Images = Callable[[Clinic], tuple[Array, Array | None]]


def noise(_: Clinic) -> tuple[Array, None]:
    return np.random.default_rng(1).integers(0, 256, (300, 8, 8, 3), np.uint8), None


def few(c: Clinic) -> tuple[Array, Array]:
    return c.calibration(40)


def without_a_class(c: Clinic) -> tuple[Array, Array]:
    images, labels = c.calibration(340)
    return images[labels != 3], labels[labels != 3]


def mostly_sevens(c: Clinic) -> tuple[Array, Array]:
    train = c.splits.train
    sevens, others = np.flatnonzero(train.labels == 7)[:90], np.flatnonzero(train.labels != 7)[:230]
    where = np.concatenate([sevens, others])
    return train.take(where), train.labels[where]


def flipped(c: Clinic) -> tuple[Array, Array]:
    images, labels = c.calibration()
    mirror = np.random.default_rng(0).random(len(images)) < 0.5
    return np.where(mirror[:, None, None, None], images[:, :, ::-1], images), labels


def shifted(c: Clinic) -> tuple[Array, Array]:
    images, labels = c.calibration()
    return np.roll(images, 1, 2), labels


def changed(change: Callable[[Array], Array]) -> Images:
    def images(c: Clinic) -> tuple[Array, Array]:
        images, labels = c.calibration()
        return change(images), labels

    return images


IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
CALIBRATIONS: dict[str, tuple[str, Images]] = {
    "noise": ("calibration_noise", noise),
    "another domain": ("calibration_domain", lambda _: (photographs(), None)),
    "too few": ("calibration_few", few),
    "a class missing": ("calibration_class_missing", without_a_class),
    "a class dominating": ("calibration_class_dominates", mostly_sevens),
    "flipped": ("calibration_augmented", flipped),
    "shifted": ("calibration_augmented", shifted),
    "0..1": ("calibration_preprocessing", changed(lambda x: (x / 255).astype(np.float32))),
    "BGR": ("calibration_preprocessing", changed(lambda x: x[..., ::-1].copy())),
    "channels first": ("calibration_preprocessing", changed(lambda x: x.transpose(0, 3, 1, 2).copy())),
    "mean and std": ("calibration_preprocessing", changed(lambda x: (x / 255 - IMAGENET[0]) / IMAGENET[1])),
}


def names(record: dict[str, Any]) -> list[str]:
    return [found["name"] for found in record["findings"]]


def healthy(record: dict[str, Any]) -> bool:
    assert record["healthy"] == (not record["findings"])
    return bool(record["healthy"])


@pytest.mark.parametrize("fault", CALIBRATIONS)
def test_a_bad_calibration_set_is_named_first_and_mended(fault: str, patient: Clinic, mended: Mend) -> None:
    wanted, make = CALIBRATIONS[fault]
    images, labels = make(patient)
    fits = images.shape[1:] == (8, 8, 3)  # what has another shape calibrated nothing
    file = patient.file(patient.reference(images if fits else None), name="calibrated")
    record = patient.see(file, calibration=patient.keep("given", images, labels))
    assert names(record)[:1] == [wanted], record["findings"]
    again = mended(record["findings"][0]["fixes"][0])
    assert healthy(patient.see(again, samples=500)), "the command draws 500 of the data's own images"


def first(c: Clinic) -> str:
    return c.captured.program.steps[1].name


# What was done to the file's parameters: no calibration set is needed to see it.
FILES: dict[str, tuple[str, Callable[[Clinic, Any], Any]]] = {
    "narrow output": ("outputs_clipped", lambda c, r: with_grid(r, c.captured.program.only.tensor, scaled(0.3))),
    "wide output": ("outputs_near_zero", lambda c, r: with_grid(r, c.captured.program.only.tensor, scaled(100))),
    "narrow tensor": ("tensor_saturated", lambda c, r: with_grid(r, first(c), scaled(0.15))),
    "wide tensor": ("tensor_dead", lambda c, r: with_grid(r, first(c), scaled(600))),
    "coarse layer": ("layer_error", lambda c, r: with_coarse_weights(r, "2", 60)),
}


@pytest.mark.parametrize("target", ["litert", "onnxruntime"])
@pytest.mark.parametrize("fault", FILES)
def test_a_bad_file_is_named_first_and_mended(fault: str, target: str, patient: Clinic, mended: Mend) -> None:
    wanted, change = FILES[fault]
    file = patient.file(change(patient, patient.reference(target=target)), target, "spoilt")
    record = patient.see(file)
    assert names(record)[:1] == [wanted], record["findings"]
    assert healthy(patient.see(mended(record["findings"][0]["fixes"][0])))


def test_a_network_that_loses_everywhere_gets_the_remedies_in_order(patient: Clinic) -> None:
    """No single layer is guilty: all have weights of few steps."""
    reference = patient.reference()
    for layer in ("0", "2", "4", "8"):
        reference = with_coarse_weights(reference, layer, 26)
    record = patient.see(patient.file(reference, name="coarse"), images=360)
    assert names(record) == ["accuracy_drop"], record["findings"]
    fixes = record["findings"][0]["fixes"]
    assert ["--calibrate" in f for f in fixes] == [False, True, False, False]
    assert "w8a16" in fixes[2] and "+qat" in fixes[3]


def bare(patient: Clinic) -> Path:
    """A good file without edgequant's record of what it takes, as another tool would write it."""
    path = patient.file(patient.reference(), name="bare")
    model = read_model(path)
    model.metadata, model.signatureDefs = [], []
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    path.with_suffix(".names.json").unlink()
    return path


def test_bytes_fed_floats_are_told_by_the_values_left_of_them(patient: Clinic) -> None:
    file = bare(patient)
    assert healthy(patient.see(file)), "its int8 input takes raw bytes, which needs no option"
    record = patient.see(file, pixels=Stated(mean=0, std=1 / 255))
    assert names(record)[0] == "input_codes", record["findings"]
    assert "2 values of the int8 input" in record["findings"][0]["seen"]
    assert "leave --mean and --std out" in record["findings"][0]["fixes"][0]


def test_another_mean_and_std_at_inference_is_told_by_what_the_file_answers(patient: Clinic) -> None:
    record = patient.see(bare(patient), pixels=Stated(mean=0, std=1))
    assert names(record)[0] == "input_preprocessing", record["findings"]
    assert "leave --mean and --std out" in record["findings"][0]["fixes"][0]


@pytest.mark.parametrize("how", ["BGR", "height and width"])
def test_other_channels_or_layout_at_inference_are_told_too(how: str, patient: Clinic, mended: Mend) -> None:
    """A file that was made for images in another order: its first layer has the kernels of that order."""
    reference = patient.reference()
    turned = reference.weights["0"].q
    turned = turned.flip(1) if how == "BGR" else turned.transpose(2, 3)
    weights = {
        **reference.weights,
        "0": type(reference.weights["0"])(turned.contiguous(), reference.weights["0"].scale),
    }
    if how != "BGR":
        for layer in ("2", "4"):
            weights[layer] = type(weights[layer])(weights[layer].q.transpose(2, 3).contiguous(), weights[layer].scale)
    spoilt = type(reference)(
        reference.captured, reference.recipe, reference.kind, reference.activations, weights, reference.layers
    )
    record = patient.see(patient.file(spoilt, name="turned"))
    assert names(record)[0] == "input_preprocessing" and how in record["findings"][0]["seen"], record["findings"]
    assert healthy(patient.see(mended(record["findings"][0]["fixes"][0])))


def test_a_delegate_that_is_off_is_told_by_its_operators_and_time(patient: Clinic) -> None:
    file = patient.file(patient.reference(), name="slow")
    record = patient.see(file, target="litert:delegate=false")
    assert names(record) == ["wrong_delegate"], record["findings"]
    assert record["findings"][0]["fixes"] == ("open the file as litert: --target litert",)
    assert healthy(patient.see(file, target="litert"))


def test_layers_that_fell_back_to_float_are_told_where_they_cost_time(patient: Clinic, mended: Mend) -> None:
    recipe = patient.folder / "fallback.toml"
    recipe.write_text('base = "w8a8"\n[[rules]]\nwhere = "op:conv2d"\nfloat = true\n')
    file = patient.file(patient.reference(recipe=str(recipe), target="onnxruntime"), "onnxruntime", "fallback")
    record = patient.see(file)
    assert names(record)[:1] == ["float_fallback"], record["findings"]
    assert healthy(patient.see(mended(record["findings"][0]["fixes"][0])))


def test_pairs_that_were_not_fused_are_told_where_they_cost_time(patient: Clinic, mended: Mend) -> None:
    file = patient.file(patient.reference(target="onnxruntime"), "onnxruntime", "pairs")
    onnx.save_model(_with_pairs(onnx.load_model(file)), file)
    record = patient.see(file)
    assert names(record)[:1] == ["unfused_qdq"], record["findings"]
    assert healthy(patient.see(mended(record["findings"][0]["fixes"][0])))


def _with_pairs(model: onnx.ModelProto, pairs: int = 12) -> onnx.ModelProto:
    """Behind every quantized tensor, dequantize and quantize again, over and over, each with a scale a little off."""
    graph = model.graph
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in graph.initializer}
    nodes = []
    for node in graph.node:
        nodes.append(node)
        if node.op_type != "QuantizeLinear" or node.output[0] == graph.output[0].name:
            continue
        name, scale, zero = node.output[0], node.input[1], node.input[2]
        node.output[0] = f"{name}/0"
        for k in range(pairs):
            off = f"{name}/scale{k}"
            value = np.float32(constants[scale] * (1 + 1e-4 * (k + 1)))
            graph.initializer.append(onnx.numpy_helper.from_array(np.array(value), off))
            last = name if k == pairs - 1 else f"{name}/{k + 1}"
            before = scale if k == 0 else f"{name}/scale{k - 1}"
            read = onnx.helper.make_node("DequantizeLinear", [f"{name}/{k}", before, zero], [f"{name}/real{k}"])
            nodes += [read, onnx.helper.make_node("QuantizeLinear", [f"{name}/real{k}", off, zero], [last])]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


@pytest.mark.parametrize("target", ["litert", "onnxruntime"])
def test_branches_on_one_grid_are_told_and_rescaled(target: str, branched: Clinic, mended: Mend) -> None:
    """The clinic builds a reference as it is; the command that is given gives each branch its scale."""
    record = branched.see(branched.file(branched.reference(target=target), target, "shared"))
    assert names(record)[:1] == ["grid_shared"], record["findings"]
    assert "shares with relu" in record["findings"][0]["seen"]
    again = branched.see(mended(record["findings"][0]["fixes"][0]))
    assert healthy(again), again["findings"]
    assert again["outputs"]["sqnr_db"] > record["outputs"]["sqnr_db"] + 15


def test_every_finding_is_planted_here() -> None:
    planted = {wanted for wanted, _ in (*CALIBRATIONS.values(), *FILES.values())}
    planted |= {"input_codes", "input_preprocessing", "accuracy_drop", "grid_shared"}
    assert planted | {"wrong_delegate", "float_fallback", "unfused_qdq"} == set(FINDINGS)
