"""The table of Keras' options against the constructors of the installed Keras; and what it refuses."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.models.sources.keras.layers import LAYERS
from edgequant.models.sources.keras.network import judge_of, translate
from edgequant.models.sources.keras.operations import BINARY, UNARY
from edgequant.models.sources.keras.package import import_keras
from edgequant.models.sources.keras.site import Site
from edgequant.models.sources.keras.source import from_keras
from edgequant.models.sources.keras.table import COMMON, LAYER_TABLE, OPERATION_TABLE, entries_of, kind_of

keras = import_keras()
L = keras.layers
BENCHMARKS = Path(__file__).parents[4] / "benchmarks"
GIVEN = {
    "pool_size": 2,
    "activation": "relu",
    "padding": "valid",
    "target_shape": (2,),
    "kernel_size": 3,
    "filters": 2,
    "units": 2,
}


def layer_class(kind: str) -> Any:
    from keras.src.applications import convnext

    return getattr(L, kind, None) or getattr(convnext, kind)


def operation_class(kind: str) -> Any:
    from keras.src.ops import nn, numpy

    return getattr(numpy, kind, None) or getattr(nn, kind)


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    every = list(inspect.signature(function).parameters.values())[1:]
    return {p.name: p for p in every if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}


def constructors(kind: str) -> set[str]:
    """Of the class and of what it inherits from, up to Layer."""
    names: set[str] = set()
    for parent in layer_class(kind).__mro__:
        if parent is keras.Layer:
            break
        names |= set(parameters(parent.__init__)) if "__init__" in vars(parent) else set()
    return names


def plain(kind: str) -> Any:
    needed = [p.name for p in parameters(layer_class(kind).__init__).values() if p.default is p.empty]
    return layer_class(kind)(**{name: GIVEN.get(name, 0.1) for name in needed})


def test_the_tables_have_what_is_read_and_nothing_else() -> None:
    assert set(LAYER_TABLE) == set(LAYERS)
    assert set(OPERATION_TABLE) == {*BINARY, *UNARY, "Gelu", "Mean"}
    assert set(COMMON) == set(parameters(keras.Layer.__init__)), "a new option of every layer"


@pytest.mark.parametrize("kind", sorted(LAYER_TABLE))
def test_every_option_of_a_layer_is_in_the_table(kind: str) -> None:
    """By its constructors, and by its config: some options go through **kwargs."""
    known = {*COMMON, *LAYER_TABLE[kind]}
    found = constructors(kind) | set(plain(kind).get_config())
    assert found <= known, "new options: read, refuse or explain them"
    assert known <= found | set(COMMON)
    assert entries_of(plain(kind)) == {**COMMON, **LAYER_TABLE[kind]}


@pytest.mark.parametrize("kind", sorted(OPERATION_TABLE))
def test_every_option_of_an_operation_is_in_the_table(kind: str) -> None:
    assert set(OPERATION_TABLE[kind]) == set(parameters(operation_class(kind).__init__)) - {"name"}


def test_an_option_is_read_by_the_table_or_not_at_all() -> None:
    site = Site(L.ReLU(), ((4, 4, 4),), (4, 4, 4))
    assert site.get("max_value") is None
    with pytest.raises(AssertionError, match=r"ReLU\.threshold is refused"):
        site.get("threshold")
    with pytest.raises(AssertionError, match=r"ReLU\.trainable is without effect"):
        site.get("trainable")


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """(draw, judge) of the random models; none of the folder's modules stays behind."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield import_module("keras_cases.random_models").random_model, import_module("keras_cases.judge").judge
    for name in [m for m in sys.modules if m.partition(".")[0] == "keras_cases"]:
        sys.modules.pop(name)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Keras', on a softmax over one value
def test_what_the_table_calls_read_is_asked_for(cases: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, judge = cases
    asked: set[tuple[bool, str, str]] = set()
    take = Site.get

    def noted(site: Site, name: str) -> Any:
        asked.add((hasattr(site.layer, "dtype_policy"), site.kind, name))
        return take(site, name)

    monkeypatch.setattr(Site, "get", noted)
    for seed in range(250):
        case = draw(seed)
        if case is not None:
            judge(case)
    tables = ((True, LAYER_TABLE), (False, OPERATION_TABLE))
    read = {
        (w, k, n) for w, table in tables for k, options in table.items() for n, o in options.items() if o.fate == "read"
    }
    assert asked == read


# What is refused, and what is not taken for what it is called.


def on_image(layer: Callable[[Any], Any], shape: tuple[int, int, int] = (8, 8, 4)) -> Any:
    image = keras.Input(shape)
    return keras.Model(image, layer(image))


def mine(x: Any) -> Any:
    return x * 3.0


mine.__name__ = "relu"


def quantized() -> Any:
    model = on_image(lambda x: L.Dense(2)(L.GlobalAveragePooling2D()(x)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the input's layer, which has nothing to quantize
        model.quantize("int8")
    return model


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "threshold": (lambda: on_image(L.ReLU(threshold=1.0)), "has threshold = 1.0, which .* expected threshold = 0.0"),
    "slope and maximum": (lambda: on_image(L.ReLU(6.0, 0.1)), "both a slope and a maximum"),
    "maximum": (lambda: on_image(L.ReLU(0.0)), "the maximum 0.0"),
    "half": (
        lambda: on_image(L.Conv2D(2, 1, dtype="mixed_bfloat16")),
        "computes in bfloat16; .*dtype_policy = 'float32'",
    ),
    "quantized": (quantized, "is quantized already"),
    "own function": (lambda: on_image(L.Activation(mine)), "an activation of the user's own, 'relu'"),
    "place of a slope": (lambda: on_image(L.PReLU(shared_axes=[2, 3]), (4, 8, 4)), "a slope for each pixel"),
    "normalised rows": (
        lambda: on_image(L.Normalization(axis=1, mean=[1.0] * 4, variance=[2.0] * 4), (4, 8, 4)),
        "scales what is no image",
    ),
    "image and vector": (
        lambda: on_image(lambda x: L.Add()([x, L.GlobalAveragePooling2D()(x)])),
        "joins tensors of 2 and 4 dimensions",
    ),
    "image and vector by +": (
        lambda: on_image(lambda x: x + keras.ops.mean(x, (1, 2)), (4, 4, 4)),
        "joins tensors of 2 and 4 dimensions",
    ),
    "sequence": (lambda: on_image(lambda x: L.BatchNormalization()(L.Reshape((4, 64))(x))), "works on 3 dimensions"),
    "flat at the end": (lambda: on_image(L.Flatten()), "ends in a flattened image"),
    "flat second": (
        lambda: on_image(lambda x: L.Add()([L.Dense(256)(L.GlobalMaxPooling2D()(x)), L.Flatten()(x)])),
        "reads a flattened image",
    ),
    "layout inside": (
        lambda: on_image(
            lambda x: L.Conv2D(2, 1)(
                keras.Sequential([keras.Input((8, 8, 4)), L.Conv2D(2, 1, data_format="channels_first")])(x)
            )
        ),
        "mixes channels_last and channels_first",
    ),
    "first norm": (
        lambda: on_image(
            lambda x: L.LayerNormalization(axis=1)(L.Conv2D(8, 1, data_format="channels_first")(x)), (4, 8, 8)
        ),
        "normalises along axis 1",
    ),
    "mask": (
        lambda: on_image(lambda x: L.Softmax()(L.GlobalMaxPooling2D()(x), mask=np.ones((1, 4)))),
        "is called with mask",
    ),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_read_is_refused_by_its_name(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(BadModel, match=words):
        translate(make(), skip=False)


@pytest.mark.filterwarnings("ignore:.*rms_scaling.*")
def test_an_option_behind_kwargs_is_refused_too() -> None:
    with pytest.raises(BadModel, match="rms_scaling = True"):
        translate(on_image(L.LayerNormalization(rms_scaling=True)), skip=False)


class Conv2D(L.Conv2D):  # type: ignore[misc,name-defined]
    """The user's own, called like Keras'."""

    def call(self, x: Any) -> Any:
        return super().call(x) * 2.0


def two_sizes(x: Any) -> Any:
    """One layer on images of two sizes, on which SAME pads otherwise."""
    conv, mean = L.Conv2D(3, 3, strides=2, padding="same"), L.GlobalAveragePooling2D()
    return L.Add()([mean(conv(x)), mean(conv(L.Cropping2D(((0, 1), (0, 1)))(x)))])


def lora(x: Any) -> Any:
    layer = L.Conv2D(3, 3)
    made = layer(x)
    layer.enable_lora(2)
    return made


def inner_flat(x: Any) -> Any:
    """A model that flattens, and one that reads what it made."""
    body = keras.Sequential([keras.Input((8, 8, 4)), L.Conv2D(3, 3), L.Flatten()])
    head = keras.Sequential([keras.Input((108,)), L.Dense(3)])
    return head(L.ReLU()(body(x)))


RIGHT: dict[str, Callable[[Any], Any]] = {
    "a class of the user's own": Conv2D(2, 3),
    "two sizes": two_sizes,
    "lora": lora,
    "a flattened image across models": inner_flat,
    "gelu by tanh": lambda x: keras.ops.gelu(x, approximate=True),
    "a maximum with a number": lambda x: keras.ops.minimum(keras.ops.maximum(x, -0.5), 0.5),
    "training": lambda x: L.BatchNormalization()(L.Dropout(0.5)(x, training=True), training=True),
    "renorm": L.BatchNormalization(renorm=True),
    "inverse": L.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2.0, 3.0, 4.0], invert=True),
    "a list of tensors": lambda x: L.Dot(axes=-1)([L.GlobalMaxPooling2D()(x), L.GlobalAveragePooling2D()(x)]),
    "sequences side by side": lambda x: L.Concatenate()([L.Reshape((16, 16))(x), L.Reshape((16, 16))(x * 2.0)]),
}


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_what_is_easily_misread_is_read_rightly(name: str) -> None:
    model = on_image(RIGHT[name])
    draw = np.random.default_rng(0)
    for v in model.weights:
        if "seed" not in v.path:
            v.assign(draw.uniform(0.5, 1.5, v.shape) if "variance" in v.path else draw.normal(0, 0.4, v.shape))
    x = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, got = model(x.permute(0, 2, 3, 1), training=False), translate(model, skip=False)[0].eval()(x)
    wanted = wanted.permute(0, 3, 1, 2) if wanted.dim() == 4 else wanted
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)


def test_a_kind_is_keras_own_class() -> None:
    assert kind_of(L.Conv2D(2, 1)) == "Conv2D" and kind_of(Conv2D(2, 1)) == ""
    assert entries_of(Conv2D(2, 1)) is None


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
@pytest.mark.parametrize("skip", [True, False])
def test_a_model_of_bytes_or_halves_is_judged_on_what_its_input_holds(dtype: str, skip: bool) -> None:
    image = keras.Input((8, 8, 3), dtype=dtype)
    scores = L.Dense(2)(L.Flatten()(L.Rescaling(1 / 255.0)(image)))
    network = from_keras(keras.Model(image, {"scores": scores}), skip)
    inputs = InputSpec(3, 8, 8, mean=network.spec.mean or (0.0,), std=network.spec.std or (1 / 255,))
    capture(network, inputs, (), None, network.judge)  # held against Keras, on noise


def test_bytes_are_clipped_as_their_kind_says() -> None:
    image = keras.Input((2, 2, 3), dtype="uint8")
    judge = judge_of(keras.Model(image, L.Flatten()(image)), skip=False)
    seen = judge.takes(np.array([-3.0, 0.4, 7.6, 300.0], np.float32).reshape(1, 1, 2, 2).repeat(3, 1))
    assert seen[0, 0].ravel().tolist() == [0, 0, 8, 255] and seen.dtype == np.float32
