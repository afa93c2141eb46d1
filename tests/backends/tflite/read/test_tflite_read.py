"""Reading a .tflite back: the same network, the same integers, the same bytes; what cannot be read is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema

from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.litert.mirror import Mirror, open_named
from edgequant.backends.litert.session import Session
from edgequant.backends.tflite.read.read import Imported, read, read_reference
from edgequant.core.arrays import only
from edgequant.core.errors import BadFile
from edgequant.core.image import InputSpec
from edgequant.core.preprocess import normalise
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.executor import IntegerExecutor
from edgequant.quantization.simulation.simulate import with_stored_weights
from edgequant.recipe.recipe import Recipe, Rule
from edgequant.recipe.scheme import Scheme
from tflite_edit import Change, Edit, float_borders, option, unsigned_borders
from tflite_samples import CLASSES, SPEC, EveryOp, Plain, captured, pixels, reference

RECIPES = ["float32", "float16", "w8", "w4", "dynamic-w8", "w8a8", "w4a8", "w8a16"]
MIXED = Recipe("mixed", "static", (Rule("*", Scheme(8, 8)), Rule("tail", None), Rule("op:add", None)))
REAL = Path(os.environ.get("EDGEQUANT_DATA", "")) / "weights" / "mlperf_tiny_resnet8"


@pytest.fixture(scope="session")
def lowered(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Reference, Path]]:
    """A recipe's reference and its file; made once."""
    made: dict[str, tuple[Reference, Path]] = {}
    folder = tmp_path_factory.mktemp("lowered")

    def lower(recipe: str | Recipe, module: type[torch.nn.Module] = EveryOp) -> tuple[Reference, Path]:
        name = f"{module.__name__}-{recipe if isinstance(recipe, str) else recipe.name}"
        if name not in made:
            one = reference(captured(module), recipe)
            made[name] = one, LiteRT().lower(one, folder / f"{name}.tflite").path
        return made[name]

    return lower


def images(count: int = 8, spec: InputSpec = SPEC) -> torch.Tensor:
    return torch.from_numpy(normalise(pixels(count), spec))


def simulated(one: Reference, x: torch.Tensor, path: Path) -> torch.Tensor:
    if one.kind == "static":
        return only(IntegerExecutor(one, LiteRT().arithmetic(one, path))(x))
    with torch.no_grad():
        return only(with_stored_weights(one)(x))


@pytest.mark.parametrize("recipe", [*RECIPES, MIXED], ids=lambda r: getattr(r, "name", r))
def test_what_comes_back_computes_the_same_and_lowers_to_the_same_bytes(
    recipe: Any, lowered: Any, tmp_path: Path
) -> None:
    original, path = lowered(recipe)
    back = read_reference(path)
    assert (back.kind, back.recipe) == (original.kind, original.recipe)
    assert (back.captured.inputs, back.captured.classes) == (SPEC, CLASSES)
    assert back.activations.items() >= {k: v for k, v in original.activations.items() if "pad" not in k}.items()
    assert [f.name for f in back.layers] == [f.name for f in original.layers]
    assert back.float_layers == original.float_layers
    want, got = simulated(original, images(), path), simulated(back, images(), path)
    assert len(want.unique()) > 20
    if original.kind == "static":
        assert torch.equal(got, want)
    else:  # float32 sums depend on how the tensors lie in memory
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-6)
    for layer, weight in original.weights.items():
        assert back.weights[layer].bits == weight.bits
        assert torch.equal(back.weights[layer].q, weight.q) and torch.equal(back.weights[layer].scale, weight.scale)
    again = LiteRT().lower(back, tmp_path / "again.tflite")
    assert again.path.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("recipe", ["w8a8", "w4a8", "w8a16"])
def test_the_mirror_answers_what_the_file_answers(recipe: str, lowered: Any) -> None:
    _, path = lowered(recipe)
    assert np.array_equal(
        only(Mirror(read(path)).run_quantized(images().numpy())),
        only(LiteRT().open(path).run_quantized(images().numpy())),
    )


def test_names_are_not_needed(lowered: Any, tmp_path: Path) -> None:
    """Without the sidecar map the tensors are named after their operators, and the kernels are still known."""
    _, path = lowered("w8a8")
    bare = Path(shutil.copy(path, tmp_path / "bare.tflite"))
    imported = read(bare)
    assert imported.reference.captured.program.layers[0].name == "conv_2d_1"
    assert np.array_equal(
        only(Mirror(imported).run_quantized(images().numpy())),
        only(LiteRT().open(path).run_quantized(images().numpy())),
    )


def test_equal_names_are_told_apart(lowered: Any, tmp_path: Path) -> None:
    """Tensors of one name, and a layer named like an attribute of nn.ModuleDict."""
    _, path = lowered("float32")
    edit = Edit(path)
    for operator in edit.graph.operators:
        edit.made(operator).name = b"one.name;two"
        if len(operator.inputs) > 1:
            edit.tensor(operator, 1).name = b"keys"
    bare = edit.save(tmp_path / "bare.tflite")
    back = read_reference(bare)
    assert [s.name for s in back.captured.program.steps][:2] == ["one.name", "one.name#2"]
    assert [s.layer for s in back.captured.program.layers][:2] == ["keys#2", "keys#3"]
    with torch.no_grad():
        torch.testing.assert_close(
            only(back.captured.network(images())), only(lowered("float32")[0].captured.network(images()))
        )


def integers_made(imported: Imported, x: torch.Tensor) -> Any:
    """(N, C, H, W): the integers that the file itself makes of its float input."""
    name = imported.reference.captured.program.input
    return open_named(imported, preserve=True).run_all(x.numpy())[name].transpose(0, 3, 1, 2)


@pytest.mark.parametrize("recipe", ["w8a8", "w8a16"])
def test_a_float_input_is_rounded_as_the_files_own_operator_does(recipe: str, lowered: Any, tmp_path: Path) -> None:
    """All values lie half way between two steps, where multiplying by the reciprocal is not dividing."""
    scale = float(np.float32(0.0123))
    edit = Edit(lowered(recipe, Plain)[1])
    conv = edit.op("CONV_2D")
    source, bias = edit.tensor(conv, 0).quantization, edit.tensor(conv, 2).quantization
    bias.scale = bias.scale * np.float32(scale / source.scale[0])
    source.scale = np.array([scale], np.float32)
    float_borders(edit)
    path = edit.save(tmp_path / "floats.tflite")
    imported = read(path)
    assert imported.quantizes_input
    x = (torch.randint(-120, 120, (8, *SPEC.shape), generator=torch.Generator().manual_seed(0)) + 0.5) * scale
    mirror = Mirror(imported)
    found = integers_made(imported, x)
    assert np.array_equal(np.rint(mirror.entered(x.numpy()) / np.float32(scale)), found)
    assert not np.array_equal(torch.round(x / scale).numpy(), found)
    assert np.array_equal(only(mirror.run(x.numpy())), only(LiteRT().open(path).run(x.numpy())))
    again = LiteRT().lower(imported.reference, tmp_path / "again.tflite")
    assert Session(again.path).source["dtype"] == np.float32, "written again, it meets its app as before"


def test_unsigned_bytes_at_the_border_are_the_signed_ones(lowered: Any, tmp_path: Path) -> None:
    edit = Edit(lowered("w8a8", Plain)[1])
    unsigned_borders(edit)
    path = edit.save(tmp_path / "bytes.tflite")
    imported = read(path)
    x = images(8, imported.reference.captured.inputs)
    assert np.array_equal(LiteRT().open(path).encode(x.numpy()), pixels(8))  # raw bytes
    assert np.array_equal(only(Mirror(imported).run(x.numpy())), only(LiteRT().open(path).run(x.numpy())))


def test_a_whole_image_average_is_a_mean_in_floats_only(lowered: Any, tmp_path: Path) -> None:
    for recipe, kind in (("float32", "mean"), ("w8a8", "avg_pool2d")):
        edit = Edit(lowered(recipe)[1])
        pool = edit.op("AVERAGE_POOL_2D")
        image = edit.tensor(pool, 0).shape
        pool.builtinOptions.filterHeight, pool.builtinOptions.filterWidth = int(image[1]), int(image[2])
        edit.made(pool).shape = np.array([1, 1, 1, image[3]], np.int32)
        flat = edit.op("RESHAPE")
        edit.made(flat).shape = np.array([1, image[3]], np.int32)
        edit.fill(edit.tensor(flat, 1), np.array([1, image[3]], np.int32))
        weight = edit.tensor(edit.op("FULLY_CONNECTED"), 1)
        values = np.zeros((12, int(image[3])), np.int8 if recipe == "w8a8" else np.float32)
        weight.shape = np.array(values.shape, np.int32)
        edit.fill(weight, values)
        path = edit.save(tmp_path / f"{recipe}.tflite")
        program = read_reference(path).captured.program
        assert program.steps[-5].kind == kind


def test_an_activation_that_no_row_fuses_is_a_step_of_its_own(lowered: Any, tmp_path: Path) -> None:
    edit = Edit(lowered("w8a8")[1])
    edit.op("MAX_POOL_2D").builtinOptions.fusedActivationFunction = 1
    path = edit.save(tmp_path / "fused.tflite")
    imported = read(path)
    steps = imported.reference.captured.program.steps
    at = next(i for i, s in enumerate(steps) if s.kind == "max_pool2d")
    assert steps[at + 1].kind == "relu" and steps[at + 1].inputs == (steps[at].name,)
    assert np.array_equal(
        only(Mirror(imported).run_quantized(images().numpy())),
        only(LiteRT().open(path).run_quantized(images().numpy())),
    )


def test_a_linear_layer_flattens_an_image_by_itself(lowered: Any, tmp_path: Path) -> None:
    edit = Edit(lowered("float32")[1])
    flat = edit.op("RESHAPE")
    edit.op("FULLY_CONNECTED").inputs[0] = flat.inputs[0]
    edit.graph.operators.remove(flat)
    path = edit.save(tmp_path / "unflattened.tflite")
    with torch.no_grad():
        got = only(read_reference(path).captured.network(images())).numpy()
    np.testing.assert_allclose(got, only(LiteRT().open(path).run(images().numpy())), rtol=1e-4, atol=1e-6)


def test_a_foreign_file_is_taken_to_see_raw_pixels_unless_told(lowered: Any, tmp_path: Path) -> None:
    for recipe, raw in (("float32", (0.0, 1 / 255)), ("w8a8", (128 / 255, 128 / 255)), ("w8a16", (0.0, 1 / 255))):
        edit = Edit(lowered(recipe, Plain)[1])
        edit.forget()
        path = edit.save(tmp_path / "foreign.tflite")
        found = read_reference(path)
        assert found.captured.inputs.mean[0] == pytest.approx(raw[0], abs=3e-3)
        assert found.captured.inputs.std[0] == pytest.approx(raw[1], rel=5e-3)
        assert (found.recipe, found.captured.classes) == (recipe, ())
        told = read_reference(path, (0.5,), (0.25,)).captured.inputs
        assert (told.mean, told.std) == ((0.5,), (0.25,))


# What is refused. Each entry: the recipe, the change, and words of the message.


def unknown_operator(e: Edit) -> None:
    e.op("RELU6").opcodeIndex = e.code("COS")


def two_graphs(e: Edit) -> None:
    e.model.subgraphs.append(e.graph)


def two_inputs(e: Edit) -> None:
    e.graph.inputs = np.array([*e.graph.inputs, 1], np.int32)


def in_blocks(e: Edit) -> None:
    quant = e.tensor(e.op("CONV_2D"), 1).quantization
    quant.detailsType, quant.details = schema.QuantizationDetails.CustomQuantization, schema.CustomQuantizationT()


def no_such_code(e: Edit) -> None:
    e.op("CONV_2D").opcodeIndex = 99


def no_such_tensor(e: Edit) -> None:
    e.op("CONV_2D").inputs[1] = 9999


def computed_weights(e: Edit) -> None:
    e.op("CONV_2D").inputs[1] = e.op("CONV_2D").inputs[0]


def typed(operator: str, position: int, kind: str) -> Change:
    def change(e: Edit) -> None:
        e.tensor(e.op(operator), position).type = getattr(schema.TensorType, kind)

    return change


def short_weights(e: Edit) -> None:
    e.fill(e.tensor(e.op("CONV_2D"), 1), np.zeros(7, np.int8))


def no_scales(e: Edit) -> None:
    e.tensor(e.op("CONV_2D"), 1).quantization = None


def asymmetric_weights(e: Edit) -> None:
    quant = e.tensor(e.op("CONV_2D"), 1).quantization
    quant.zeroPoint = np.ones(len(quant.scale), np.int64)


def other_axis(e: Edit) -> None:
    e.tensor(e.op("CONV_2D"), 1).quantization.quantizedDimension = 3


def huge_bias(e: Edit) -> None:
    bias = e.tensor(e.op("CONV_2D"), 2)
    e.fill(bias, np.full(tuple(bias.shape), 2**31 - 77, np.int32))


def operands(operator: str, count: int) -> Change:
    def change(e: Edit) -> None:
        e.op(operator).inputs = e.op(operator).inputs[:count]

    return change


def two_results(e: Edit) -> None:
    one = e.op("CONV_2D").outputs
    e.op("CONV_2D").outputs = np.array([one[0], one[0]], np.int32)


def constant_operand(e: Edit) -> None:
    e.op("ADD").inputs[1] = e.op("CONV_2D").inputs[1]


def shaped(operator: str, shape: tuple[int, ...]) -> Change:
    def change(e: Edit) -> None:
        e.made(e.op(operator)).shape = np.array(shape, np.int32)

    return change


def float_sum(e: Edit) -> None:
    made = e.made(e.op("ADD"))
    made.type, made.quantization = schema.TensorType.FLOAT32, None


def several_scales(e: Edit) -> None:
    quant = e.made(e.op("ADD")).quantization
    quant.scale, quant.zeroPoint = np.ones(8, np.float32), np.zeros(8, np.int64)


def zero_point_of_16_bits(e: Edit) -> None:
    e.made(e.op("ADD")).quantization.zeroPoint = np.array([3], np.int64)


def rescaling_pool(e: Edit) -> None:
    e.made(e.op("MAX_POOL_2D")).quantization.scale = np.array([0.5], np.float32)


def flattened_reader(e: Edit) -> None:
    e.op("FULLY_CONNECTED").opcodeIndex = e.code("LOGISTIC")


def weight_shape(operator: str, shape: tuple[int, ...]) -> Change:
    def change(e: Edit) -> None:
        weight = e.tensor(e.op(operator), 1)
        weight.shape, weight.quantization.scale = np.array(shape, np.int32), np.ones(1, np.float32)
        weight.quantization.zeroPoint = np.zeros(1, np.int64)
        e.fill(weight, np.zeros(shape, np.int8))

    return change


def two_biases(e: Edit) -> None:
    bias = e.tensor(e.op("CONV_2D"), 2)
    bias.shape = np.array([2], np.int32)
    e.fill(bias, np.zeros(2, np.int32))


def reshaped_image(e: Edit) -> None:
    flat = e.op("RESHAPE")
    e.made(flat).shape = np.array([1, 5, 1, 16], np.int32)
    e.tensor(flat, 1).shape = np.array([4], np.int32)
    e.fill(e.tensor(flat, 1), np.array([1, 5, 1, 16], np.int32))


def filled(operator: str, values: Any) -> Change:
    def change(e: Edit) -> None:
        array = np.array(values, np.int32)
        e.tensor(e.op(operator), 1).shape = np.array(array.shape, np.int32)
        e.fill(e.tensor(e.op(operator), 1), array)

    return change


def uneven_pool(e: Edit) -> None:
    options = e.op("MAX_POOL_2D").builtinOptions
    options.padding, options.filterHeight, options.strideH = schema.Padding.SAME, 2, 1


def unlike_ranks(e: Edit) -> None:
    e.op("ADD").inputs[1] = e.graph.inputs[0] = e.add_tensor((1, 8), schema.TensorType.INT8, 1.0)


def rounded_and_back(e: Edit) -> None:
    sink = int(e.graph.outputs[0])
    q = e.add_tensor((1, 5), schema.TensorType.INT8, 1 / 256, -128)
    f = e.add_tensor((1, 5), schema.TensorType.FLOAT32)
    e.insert(len(e.graph.operators), "QUANTIZE", [sink], [q])
    e.insert(len(e.graph.operators), "DEQUANTIZE", [q], [f])
    e.graph.outputs[0] = f


def rescaled(scale: float, kind: int = schema.TensorType.INT8) -> Change:
    def change(e: Edit) -> None:
        q = e.add_tensor((1, 5), kind, scale)
        e.insert(len(e.graph.operators), "QUANTIZE", [int(e.graph.outputs[0])], [q])
        e.graph.outputs[0] = q

    return change


def without_grid(e: Edit) -> None:
    rescaled(0.25)(e)
    e.graph.tensors[e.graph.outputs[0]].quantization = None


def rounded_twice(e: Edit) -> None:
    sink = int(e.graph.outputs[0])
    for scale in (0.25, 0.5):
        q = e.add_tensor((1, 5), schema.TensorType.INT8, scale)
        e.insert(len(e.graph.operators), "QUANTIZE", [sink], [q])
    e.graph.outputs[0] = q


def vector_input(e: Edit) -> None:
    e.graph.tensors[int(e.graph.inputs[0])].shape = np.array([1, 432], np.int32)


def constant_output(e: Edit) -> None:
    e.graph.outputs[0] = e.op("CONV_2D").inputs[1]


def image_output(e: Edit) -> None:
    e.graph.outputs[0] = e.op("ADD").outputs[0]


def input_read_twice(e: Edit) -> None:
    float_borders(e)
    spare = e.add_tensor((1, 12, 12, 3), schema.TensorType.FLOAT32)
    e.insert(1, "RELU", [int(e.graph.inputs[0])], [spare])


def unfit_sum(e: Edit) -> None:
    e.op("ADD").inputs[1] = e.op("DEPTHWISE_CONV_2D").outputs[0]


def float_island(e: Edit) -> None:
    """A sum in floats, whose operands and result exist as integers too."""
    operator = e.op("ADD")
    at = e.graph.operators.index(operator)
    shape = tuple(e.made(operator).shape)
    floats = [e.add_tensor(shape, schema.TensorType.FLOAT32) for _ in range(3)]
    for source, wide in zip([int(i) for i in operator.inputs], floats):
        e.insert(at, "DEQUANTIZE", [source], [wide])
    e.insert(at + 3, "QUANTIZE", [floats[2]], [int(operator.outputs[0])])
    operator.inputs, operator.outputs = np.array(floats[:2], np.int32), np.array(floats[2:], np.int32)


REFUSED: list[tuple[str, Change, str]] = [
    ("w8a8", unknown_operator, "COS, has no row in the op table.*limited path: evaluate, benchmark"),
    ("w8a8", two_graphs, "2 subgraphs; one was expected"),
    ("w8a8", two_inputs, "2 inputs and 1 outputs"),
    ("w8a8", in_blocks, "detailsType = 1, which edgequant does not read"),
    ("w8a8", no_such_code, "damaged"),
    ("w8a8", no_such_tensor, "reads a tensor it has not"),
    ("w8a8", computed_weights, "where a constant was expected"),
    ("w8a8", typed("CONV_2D", 1, "UINT8"), "constant of type uint8"),
    ("w8a8", short_weights, "constant of 7 bytes"),
    ("w8a8", no_scales, "weights of type int8 with 0 scales"),
    ("w8a8", asymmetric_weights, "zero point other than 0"),
    ("w8a8", other_axis, "weight scales along dimension 3"),
    ("float32", typed("CONV_2D", 2, "INT32"), "bias of type int32 behind float32"),
    ("w8a8", huge_bias, "bias that float32 cannot hold"),
    ("w8a8", operands("ADD", 1), "lacks operand 1"),
    ("w8a8", two_results, "makes 2 tensors"),
    ("w8a8", constant_operand, "does not come from the image"),
    ("float32", shaped("PAD", (1, 1568)), "not on an image"),
    ("w8a8", shaped("ADD", (1, 3, 24)), "was expected"),
    ("w8a8", option("ADD", "fusedActivationFunction", 4), "fused activation number 4"),
    ("w8a8", float_sum, "computes on float32, int8"),
    ("w8a8", several_scales, "several scales"),
    ("w8a16", zero_point_of_16_bits, "16-bit ones with a zero point"),
    ("w8a8", rescaling_pool, "changes the scale of integers"),
    ("w8a8", flattened_reader, "reads a flattened image"),
    ("w8a8", weight_shape("CONV_2D", (8, 3, 3, 2)), "weights for 2 channels on an image of 3"),
    ("w8a8", weight_shape("DEPTHWISE_CONV_2D", (2, 3, 3, 16)), "for 8 channels"),
    ("w8a8", weight_shape("CONV_2D", (8, 27)), r"weights of the shape \(8, 27\)"),
    ("w8a8", two_biases, "for 8 channels"),
    ("w8a8", option("CONV_2D", "strideH", 0), r"strides \(0, 2\)"),
    ("w8a8", option("FULLY_CONNECTED", "weightsFormat", 1), "weightsFormat = 1, which"),
    ("w8a8", reshaped_image, "makes the image"),
    ("w8a8", filled("PAD", [[0, 0], [1, 1], [1, 1], [0, 2]]), "not only around the image"),
    ("w8a8", filled("MEAN", [1, 3]), "not over height and width"),
    ("w8a8", uneven_pool, "two sides by different amounts at stride 1"),
    ("w8a8", unlike_ranks, "image"),
    ("w8a8", option("CONCATENATION", "axis", 1), "not along channels"),
    ("w8a8", option("SOFTMAX", "beta", 2.0), "beta 2.0"),
    ("float32", rounded_and_back, "floats that were just rounded"),
    ("w8a8", without_grid, "several scales or none"),
    ("w8a16", rescaled(1e-7, schema.TensorType.INT16), "clamps 16-bit integers to a narrower grid"),
    ("float32", rounded_twice, "another scale elsewhere"),
    ("w8a8", vector_input, "an image"),
    ("w8a8", constant_output, "does not come from the image"),
    ("w8a8", image_output, "class scores"),
    ("w8a8", input_read_twice, "both as it is and rounded"),
    ("float32", unfit_sum, "do not fit together"),
    ("float32", shaped("PAD", (1, 20, 14, 3)), "its operator makes"),
    ("w8a8", float_island, "computed in floats between integer tensors"),
]


@pytest.mark.parametrize(("recipe", "change", "words"), REFUSED, ids=[w for _, _, w in REFUSED])
def test_what_cannot_be_read_is_refused(recipe: str, change: Change, words: str, lowered: Any, tmp_path: Path) -> None:
    edit = Edit(lowered(recipe)[1])
    change(edit)
    with pytest.raises(BadFile, match=words):
        read(edit.save(tmp_path / "changed.tflite"))


@pytest.mark.parametrize(("scale", "kind"), [(0.25, "requantize"), (1e-3, "clamp")])
def test_integers_on_another_scale_are_read(scale: float, kind: str, lowered: Any, tmp_path: Path) -> None:
    """A grid that holds the other one means the same values; one that does not cuts them off."""
    edit = Edit(lowered("w8a8")[1])
    rescaled(scale)(edit)
    path = edit.save(tmp_path / "changed.tflite")
    imported = read(path)
    assert imported.reference.captured.program.steps[-1].kind == kind
    x = images(4)
    np.testing.assert_array_equal(
        only(LiteRT().open(path).run_quantized(x.numpy())), only(Mirror(imported).run_quantized(x.numpy()))
    )


@pytest.mark.skipif(not REAL.is_dir(), reason="EDGEQUANT_DATA has no weights/mlperf_tiny_resnet8")
def test_another_tools_integer_file_is_followed_integer_by_integer() -> None:
    """MLPerf Tiny's ResNet-8, as TensorFlow's converter wrote it, on 200 images of CIFAR-10's test set."""
    from edgequant.data.classes.cifar import Cifar10

    path = REAL / "pretrainedResnet_quant.tflite"
    imported = read(path)
    inputs = imported.reference.captured.inputs
    test = Cifar10(str(REAL.parents[1])).load(inputs).test
    assert test is not None
    shown = test.take(np.arange(200))
    session, x = LiteRT().open(path), normalise(shown, inputs)
    assert np.array_equal(session.encode(x), shown.astype(np.int16) - 128)
    theirs, ours = only(session.run_quantized(x)), only(Mirror(imported).run_quantized(x))
    assert (theirs == ours).mean() == 1.0


@pytest.mark.skipif(not REAL.is_dir(), reason="EDGEQUANT_DATA has no weights/mlperf_tiny_resnet8")
def test_another_tools_float_file_computes_the_same() -> None:
    path = REAL / "pretrainedResnet.tflite"
    back = read_reference(path)
    x = np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32)).astype(np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(
            only(back.captured.network(torch.from_numpy(x))), only(LiteRT().open(path).run(x)), atol=1e-4
        )
