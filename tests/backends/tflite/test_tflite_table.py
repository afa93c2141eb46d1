"""The tables of what is read of a .tflite, against LiteRT's schema: no field that it has is missing from them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.tflite.graph import FileOperator, load_graph
from edgequant.backends.tflite.read.operators import READERS
from edgequant.backends.tflite.read.read import read
from edgequant.backends.tflite.read_options import RECORDS, TABLE
from edgequant.core.errors import BadFile
from tflite_edit import Change, Edit, option
from tflite_samples import captured, reference

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def fields(name: str) -> set[str]:
    return set(vars(getattr(schema, f"{name}T")()))


def test_the_table_has_the_operators_that_are_read_and_no_other() -> None:
    assert set(TABLE) == set(READERS) and set(TABLE) <= set(vars(schema.BuiltinOperator))


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_field_of_an_operators_options_is_in_the_table(name: str) -> None:
    row = TABLE[name]
    if row.options:
        assert set(row.fields) == fields(row.options)
        return
    wanted = name.replace("_", "").lower() + "options"
    assert not row.fields and wanted not in {n.lower() for n in vars(schema.BuiltinOptions)}, "it has options by now"


@pytest.mark.parametrize("record", sorted(RECORDS))
def test_every_field_of_a_record_is_in_the_table(record: str) -> None:
    assert set(RECORDS[record]) == fields(record)


@pytest.mark.parametrize("name", sorted(n for n, row in TABLE.items() if row.options))
def test_a_field_is_read_by_the_table_or_not_at_all(name: str) -> None:
    operator = FileOperator(0, name, (), (), None)
    for field, entry in TABLE[name].fields.items():
        if entry.fate == "read":
            operator.option(field)
        else:
            with pytest.raises(AssertionError, match=f"{name}.{field} is {entry.fate}"):
                operator.option(field)


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """(draw, judge) of the random files; none of the folder's modules stays behind."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield import_module("tflite_cases.random_files").draw, import_module("tflite_cases.judge").judge
    for name in [m for m in sys.modules if m.partition(".")[0] == "tflite_cases"]:
        sys.modules.pop(name)


def test_what_the_table_calls_read_is_asked_for(cases: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, judge = cases
    asked: set[tuple[str, str]] = set()
    take = FileOperator.option

    def noted(operator: FileOperator, name: str) -> Any:
        asked.add((operator.name, name))
        return take(operator, name)

    monkeypatch.setattr(FileOperator, "option", noted)
    for seed in range(150):
        case = draw(seed)
        if case is not None:
            judge(case)
    read_ones = {(k, f) for k, row in TABLE.items() for f, entry in row.fields.items() if entry.fate == "read"}
    assert asked == read_ones - {("ADD", "potScaleInt16"), ("SUB", "potScaleInt16")}  # which 16 bits alone ask for


# What is refused in a file of ours that is changed in one place.


@pytest.fixture(scope="module")
def lowered(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder, made = tmp_path_factory.mktemp("tables"), {}

    def lower(recipe: str) -> Path:
        if recipe not in made:
            made[recipe] = LiteRT().lower(reference(captured(), recipe), folder / f"{recipe}.tflite").path
        return made[recipe]

    return lower


def other_options(e: Edit) -> None:
    e.op("ADD").builtinOptions = schema.MulOptionsT()
    e.op("ADD").builtinOptionsType = schema.BuiltinOptions.MulOptions


def custom(e: Edit) -> None:
    code = e.model.operatorCodes[e.op("RELU6").opcodeIndex]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = b"RELU6"


def field(record: str, name: str, value: Any) -> Change:
    def change(e: Edit) -> None:
        tensor = e.tensor(e.op("CONV_2D"), 1)
        held = {"Tensor": tensor, "Model": e.model, "Buffer": e.model.buffers[tensor.buffer]}[record]
        setattr(held, name, value)

    return change


def sparse(e: Edit) -> None:
    e.tensor(e.op("CONV_2D"), 1).sparsity = schema.SparsityParametersT()


def powers_of_two(e: Edit) -> None:
    e.op("ADD").builtinOptions.potScaleInt16 = True
    for tensor in (e.made(e.op("ADD")), e.tensor(e.op("ADD"), 0), e.tensor(e.op("ADD"), 1)):
        tensor.quantization.scale = np.array([2.0**-10], np.float32)


def new_shape(shape: list[int]) -> Change:
    def change(e: Edit) -> None:
        e.fill(e.tensor(e.op("RESHAPE"), 1), np.array(shape, np.int32))

    return change


def own_shape(e: Edit) -> None:
    """The shape in the options alone, and not the tensor's."""
    e.op("RESHAPE").inputs = e.op("RESHAPE").inputs[:1]
    e.op("RESHAPE").builtinOptions = schema.ReshapeOptionsT()
    e.op("RESHAPE").builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    e.op("RESHAPE").builtinOptions.newShape = np.array([1, 81], np.int32)


def squeezed(dims: list[int]) -> Change:
    def change(e: Edit) -> None:
        flat = e.op("RESHAPE")
        flat.opcodeIndex, flat.inputs = e.code("SQUEEZE"), flat.inputs[:1]
        e.op("SQUEEZE").builtinOptions = schema.SqueezeOptionsT()
        e.op("SQUEEZE").builtinOptionsType = schema.BuiltinOptions.SqueezeOptions
        e.op("SQUEEZE").builtinOptions.squeezeDims = np.array(dims, np.int32)

    return change


def strided(name: str, value: Any) -> Change:
    def change(e: Edit) -> None:
        conv = e.op("CONV_2D")
        image = tuple(int(n) for n in e.tensor(conv, 0).shape)
        numbers = [e.add_tensor((4,), schema.TensorType.INT32) for _ in range(3)]
        for index, values in zip(numbers, ([0] * 4, image, [1] * 4)):
            e.fill(e.graph.tensors[index], np.array(values, np.int32))
        made = e.add_tensor(image, schema.TensorType.FLOAT32)
        cut = e.insert(e.graph.operators.index(conv), "STRIDED_SLICE", [int(conv.inputs[0]), *numbers], [made])
        cut.builtinOptionsType, cut.builtinOptions = (
            schema.BuiltinOptions.StridedSliceOptions,
            schema.StridedSliceOptionsT(),
        )
        setattr(cut.builtinOptions, name, value)
        conv.inputs[0] = made

    return change


def turned(e: Edit) -> None:
    """Every side of the image is as long, so that no shape tells."""
    image, order, made = e.graph.tensors[int(e.graph.inputs[0])], e.add_tensor((4,), schema.TensorType.INT32), 0
    conv = e.op("CONV_2D")
    image.shape = np.array([1, 3, 3, 3], np.int32)
    e.fill(e.graph.tensors[order], np.array([0, 2, 3, 1], np.int32))
    made = e.add_tensor((1, 3, 3, 3), schema.TensorType.FLOAT32)
    e.insert(e.graph.operators.index(conv), "TRANSPOSE", [int(e.graph.inputs[0]), order], [made])
    conv.inputs[0] = made
    e.forget()


REFUSED: list[tuple[str, Change, str]] = [
    ("float32", other_options, "ADD, has MulOptions where AddOptions were expected"),
    ("float32", custom, "custom RELU6, has no row"),
    ("float32", field("Tensor", "isVariable", True), "has isVariable = True, which .* isVariable = False was expected"),
    ("float32", field("Tensor", "externalBuffer", 3), "externalBuffer = 3"),
    ("float32", field("Model", "version", 2), "the file has version = 2"),
    ("float32", field("Buffer", "offset", 64), "offset = 64"),
    ("float32", sparse, "sparsity"),
    ("float32", option("CONV_2D", "quantizedBiasType", 2), "asks for biases of type int32 and has float32"),
    ("float32", option("FULLY_CONNECTED", "quantizedBiasType", 4), "asks for biases of type int64 and has"),
    ("float32", option("DEPTHWISE_CONV_2D", "depthMultiplier", 3), "depth multiplier 3, and weights for 16"),
    ("w8a16", powers_of_two, "adds 16-bit integers by shifts"),
    ("float32", new_shape([1, 81]), r"makes the shape \(1, 81\)"),
    ("float32", new_shape([-1, -1]), r"makes the shape \(-1, -1\)"),
    ("float32", own_shape, r"makes the shape \(1, 81\)"),
    ("float32", squeezed([3]), r"squeezes the dimensions \[3\] of \(1, 1, 5, 16\)"),
    ("float32", squeezed([1]), r"makes the shape \(1, 5, 16\) of \(1, 1, 5, 16\), and its tensor has \(1, 80\)"),
    ("float32", turned, "turns an NCHW image, which no record in the file says"),
    *(("float32", strided(name, 1), f"STRIDED_SLICE, has {name} = 1, which") for name in ("beginMask", "endMask")),
    *(("float32", strided(name, 2), f"has {name} = 2") for name in ("ellipsisMask", "newAxisMask", "shrinkAxisMask")),
    ("float32", strided("offset", True), "has offset = True, which edgequant does not read; offset = False was"),
]


@pytest.mark.parametrize(("recipe", "change", "words"), REFUSED, ids=[w for _, _, w in REFUSED])
def test_what_cannot_be_read_is_refused_by_its_name(
    recipe: str, change: Change, words: str, lowered: Any, tmp_path: Path
) -> None:
    edit = Edit(lowered(recipe))
    change(edit)
    with pytest.raises(BadFile, match=words):
        read(edit.save(tmp_path / "changed.tflite"))


def test_options_that_are_left_out_are_the_schemas_defaults(lowered: Any, tmp_path: Path) -> None:
    edit = Edit(lowered("float32"))
    edit.op("ADD").builtinOptions, edit.op("ADD").builtinOptionsType = None, 0
    graph = load_graph(edit.save(tmp_path / "bare.tflite"))
    assert next(o for o in graph.operators if o.name == "ADD").option("fusedActivationFunction") == 0


@pytest.mark.parametrize("size", [6, 7])
def test_a_pool_over_the_edge_is_read(size: int, cases: Any) -> None:
    """SAME at a stride of 2 pads one more row and column behind: the last window is a part of one."""
    from tflite_cases.drawing import Drawing  # type: ignore[import-not-found]
    from tflite_cases.random_files import Case, run  # type: ignore[import-not-found]

    x = np.random.default_rng(0).normal(0, 1, (2, size, size, 3)).astype(np.float32)
    for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        d = Drawing(np.random.default_rng(0), False)
        d.activation((1, size, size, 3))
        window = {"padding": 0, "strideH": 2, "strideW": 2, "filterHeight": 3, "filterWidth": 3}
        d.op(kind, (0,), d.activation((1, -(-size // 2), -(-size // 2), 3)), "Pool2DOptions", **window)
        d.op("MEAN", (d.at, d.ints([1, 2])), d.activation((1, 3)), "ReducerOptions", keepDims=False)
        wanted = np.concatenate([np.asarray(run(d.file(), one[None])[0]) for one in x])
        assert cases[1](Case(0, (kind,), False, d.file(), x, wanted)).kind == "right"
