"""Every Keras layer that is read, against Keras itself, in both layouts; and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from edgequant.core.errors import BadModel
from edgequant.models.sources.keras.network import input_shape, preprocessing, translate
from edgequant.models.sources.keras.package import import_keras

keras = import_keras()
L = keras.layers


def randomised(model: Any, seed: int = 0) -> Any:
    """Every weight drawn anew, so that no gain of 1 or shift of 0 hides a mistake; variances stay above 0."""
    draw = np.random.default_rng(seed)
    for v in model.weights:
        v.assign(draw.uniform(0.5, 1.5, v.shape) if "variance" in v.path else draw.normal(0, 0.4, v.shape))
    return model


def same(model: Any, rtol: float = 1e-4) -> Any:
    """The network, whose results on noise are the model's."""
    network = translate(model, skip=False)[0].eval()
    shape = input_shape(model)
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, got = model(x.permute(0, 2, 3, 1), training=False), network(x)
    wanted = wanted.permute(0, 3, 1, 2) if wanted.dim() == 4 else wanted
    torch.testing.assert_close(got, wanted, rtol=rtol, atol=1e-4)
    return network


def model(*layers: Any, shape: tuple[int, int, int] = (9, 8, 4)) -> Any:
    return randomised(keras.Sequential([keras.Input(shape), *layers]))


LAYERS = {
    "conv": lambda: L.Conv2D(6, 3, name="mine"),
    "conv-same-stride": lambda: L.Conv2D(6, (3, 2), strides=2, padding="same", activation="relu"),
    "conv-dilated-groups": lambda: L.Conv2D(6, 3, dilation_rate=2, groups=2, padding="same", use_bias=False),
    "depthwise": lambda: L.DepthwiseConv2D((5, 3), strides=2, padding="same", depth_multiplier=2),
    "separable": lambda: L.SeparableConv2D(5, 3, strides=2, padding="same", depth_multiplier=2, activation="silu"),
    "transposed": lambda: L.Conv2DTranspose(3, 4, strides=2, padding="same"),
    "transposed-valid": lambda: L.Conv2DTranspose(3, 2, strides=3),
    "dense-on-image": lambda: L.Dense(7, activation="gelu"),
    "batch-norm": lambda: L.BatchNormalization(),
    "batch-norm-plain": lambda: L.BatchNormalization(center=False, scale=False),
    "layer-norm": lambda: L.LayerNormalization(epsilon=1e-5),
    "max-pool": lambda: L.MaxPooling2D(2),
    "max-pool-same": lambda: L.MaxPooling2D(3, strides=2, padding="same"),
    "avg-pool-same": lambda: L.AveragePooling2D((3, 4), strides=2, padding="same"),
    "avg-pool-same-stride-1": lambda: L.AveragePooling2D(3, strides=1, padding="same"),
    "subsampling": lambda: L.MaxPooling2D(1, strides=2, padding="same"),
    "global-mean": lambda: L.GlobalAveragePooling2D(),
    "global-mean-kept": lambda: L.GlobalAveragePooling2D(keepdims=True),
    "global-max": lambda: L.GlobalMaxPooling2D(),
    "zero-padding": lambda: L.ZeroPadding2D(((0, 1), (2, 0))),
    "cropping": lambda: L.Cropping2D(((1, 0), (0, 2))),
    "upsampling": lambda: L.UpSampling2D(2),
    "upsampling-bilinear": lambda: L.UpSampling2D((2, 3), interpolation="bilinear"),
    "rescaling": lambda: L.Rescaling(0.5, -1.0),
    "relu6": lambda: L.ReLU(6.0),
    "relu-to-2": lambda: L.ReLU(2.0),
    "relu-with-slope": lambda: L.ReLU(negative_slope=0.1),
    "leaky": lambda: L.LeakyReLU(0.3),
    "elu": lambda: L.ELU(0.7),
    "prelu": lambda: L.PReLU(shared_axes=[1, 2]),
    "activation-layer": lambda: L.Activation("hard_silu"),
    "nothing-when-used": lambda: L.RandomFlip(),
    "reshape-image": lambda: L.Reshape((3, 24, 4)),
    "dropout": lambda: L.Dropout(0.5),
}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_layer_computes_what_keras_computes(name: str) -> None:
    same(model(LAYERS[name]()))


@pytest.mark.parametrize("shape", [(7, 7, 3), (8, 9, 3)])
def test_same_padding_follows_the_size_of_the_image(shape: tuple[int, int, int]) -> None:
    same(model(L.Conv2D(4, 5, strides=2, padding="same"), L.MaxPooling2D(3, strides=2, padding="same"), shape=shape))


def test_a_dense_layer_behind_flatten_reads_the_vector_in_keras_order() -> None:
    network = same(model(L.Conv2D(6, 3), L.Flatten(), L.Dropout(0.2), L.ReLU(), L.Dense(5), L.Softmax()))
    assert [type(m).__name__ for m in network.children()][-2:] == ["Linear", "Softmax"]


def test_a_squeeze_and_excitation_block_and_operations_without_layers() -> None:
    x = image = keras.Input((8, 8, 4))
    gate = L.Reshape((1, 1, 4))(L.GlobalAveragePooling2D()(x))
    gate = L.ReLU(6.0)(L.Conv2D(4, 1)(gate) + 3.0) * (1.0 / 6.0)
    x = L.Multiply()([x, gate])
    x = L.Concatenate()([x, L.Average()([image, x]), L.Subtract()([x, image]), keras.ops.relu6(x)])
    x = keras.ops.mean(L.Maximum()([x, x * 0.5 - 0.1]), axis=(1, 2))
    same(randomised(keras.Model(image, L.Dense(3)(x))))


def test_a_model_inside_a_model_keeps_both_names() -> None:
    inner = keras.Sequential([L.Conv2D(4, 3, name="first"), L.BatchNormalization(name="norm")], name="stem")
    network = same(model(inner, L.GlobalAveragePooling2D(), L.Dense(3, name="head")))
    assert {"stem.first", "stem.norm", "head"} <= {name for name, _ in network.named_modules()}


def test_a_layer_that_is_called_twice_is_one_module() -> None:
    image, shared = keras.Input((8, 8, 4)), L.Conv2D(4, 3, padding="same", name="twice")
    network = same(randomised(keras.Model(image, shared(shared(image)))))
    assert [call.module for call in network.calls] == ["twice", "twice"]


def test_names_are_the_users_even_where_torch_has_them_already() -> None:
    network = same(model(L.Conv2D(4, 3, name="forward"), L.ReLU(name="my.calls")))
    assert [call.module for call in network.calls] == ["forward_", "my_calls"]


def test_a_layer_of_the_users_own_is_run_as_it_is() -> None:
    class Doubled(L.Layer):  # type: ignore[misc,name-defined]
        def call(self, x: Any) -> Any:
            return x * 2.0

    same(model(L.Conv2D(4, 3), Doubled()))


def test_a_channels_first_model_is_read_in_its_layout() -> None:
    first = {"data_format": "channels_first"}
    layers = [L.Conv2D(6, 3, strides=2, padding="same", **first), L.BatchNormalization(axis=1), L.Flatten(**first)]
    made = randomised(keras.Sequential([keras.Input((3, 8, 8)), *layers, L.Dense(5)]))
    x = torch.randn(2, 3, 8, 8)
    assert input_shape(made) == (3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(translate(made)[0].eval()(x), made(x, training=False), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("layers", "mean", "std"),
    [
        ([L.Rescaling(1 / 127.5, -1.0)], (0.5,), (0.5,)),
        (
            [L.Rescaling(1 / 255), L.Normalization(mean=[0.4, 0.5, 0.6], variance=[0.04, 0.09, 0.16])],
            (0.4, 0.5, 0.6),
            (0.2, 0.3, 0.4),
        ),
        ([L.RandomFlip(), L.Rescaling(2.0)], None, None),
    ],
)
def test_preprocessing_at_the_head_becomes_the_record(layers: Any, mean: Any, std: Any) -> None:
    made = keras.Sequential([keras.Input((8, 8, 3)), *layers, L.Conv2D(2, 3), L.GlobalAveragePooling2D()])
    found = preprocessing(made)
    if mean is None:
        assert found is None
        return
    assert found is not None
    np.testing.assert_allclose(found, (mean, std), rtol=1e-5)
    x = 255 * torch.rand(2, 3, 8, 8)
    network, _ = translate(made)
    seen = (x / 255 - torch.tensor(mean).view(1, -1, 1, 1)) / torch.tensor(std).view(1, -1, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(seen), made(x.permute(0, 2, 3, 1)), rtol=1e-4, atol=1e-4)


REFUSED = {
    "Lambda": (lambda: L.Lambda(lambda x: x), "holds code"),
    "axis": (lambda: L.BatchNormalization(axis=1), "works along axis 1"),
    "uneven": (lambda: L.MaxPooling2D(2, strides=1, padding="same"), "even window"),
    "uneven-average": (lambda: L.AveragePooling2D(3, strides=2, padding="same"), "backends differ"),
    "transposed": (lambda: L.Conv2DTranspose(2, 3, strides=2, padding="same"), "uneven SAME"),
    "bicubic": (lambda: L.UpSampling2D(2, interpolation="bicubic"), "interpolates by bicubic"),
    "softmax": (lambda: L.Softmax(), "softmax along axis"),
    "softmax-of-conv": (lambda: L.Conv2D(2, 1, activation="softmax"), "softmax over an image"),
    "activation": (lambda: L.Activation("celu"), "the activation 'celu'"),
    "threshold": (lambda: L.ReLU(threshold=1.0), "threshold"),
    "prelu": (lambda: L.PReLU(), "slope for each pixel"),
    "operation": (lambda: keras.ops.flip, "not among the operations"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_a_layer_cannot_be_is_refused_by_its_name(name: str) -> None:
    make, words = REFUSED[name]
    image = keras.Input((8, 8, 4))
    with pytest.raises(BadModel, match=words):
        translate(keras.Model(image, make()(image)))


def test_a_flattened_image_goes_to_a_dense_layer_or_is_refused() -> None:
    with pytest.raises(BadModel, match="reads a flattened image"):
        translate(model(L.Flatten(), L.BatchNormalization(), L.Dense(2)))


def test_graphs_that_are_no_classifier_are_refused() -> None:
    one, two = keras.Input((8, 8, 4)), keras.Input((8, 8, 4))
    with pytest.raises(BadModel, match="2 inputs and 1 outputs"):
        translate(keras.Model([one, two], L.Add()([one, two])))
    with pytest.raises(BadModel, match="known sizes"):
        translate(keras.Sequential([keras.Input((None, 8, 4)), L.Conv2D(2, 3)]))
    with pytest.raises(BadModel, match="one image of a known size"):
        input_shape(keras.Sequential([keras.Input((4,)), L.Dense(2)]))

    class Sub(keras.Model):  # type: ignore[misc,name-defined]
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(BadModel, match="subclassed"):
        translate(Sub())


def test_two_layouts_in_one_model_are_refused() -> None:
    first = L.Conv2D(2, 1, data_format="channels_first")
    with pytest.raises(BadModel, match="mixes"):
        translate(keras.Sequential([keras.Input((4, 4, 4)), first, L.Conv2D(2, 1, data_format="channels_last")]))
