"""One random layer at a time, of any options that its constructor takes, usual ones more often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from conformance import Draws

from edgequant.models.sources.keras.package import import_keras

keras = import_keras()
L = keras.layers
Draw = Callable[["Drawing", Any], Any]  # a Keras tensor to the next one

NAMED = ("relu", "relu6", "sigmoid", "tanh", "gelu", "silu", "hard_silu", "hard_sigmoid", "leaky_relu", "elu", "selu")
OTHERS = ("softplus", "softsign", "mish", "softmax", "linear", None, "celu", "exponential", "log_softmax")


@dataclass
class Drawing(Draws):
    first: bool  # channels_first

    def pair(self, low: int, high: int) -> tuple[int, int]:
        return self.int(low, high), self.int(low, high)

    @property
    def layout(self) -> dict[str, str]:
        """Sometimes none, or the other one: refused, or without effect."""
        if self.chance(0.02):
            return {"data_format": "channels_last" if self.first else "channels_first"}
        return {"data_format": "channels_first"} if self.first else self.any({}, {"data_format": "channels_last"})

    def channels(self, x: Any) -> int:
        return int(x.shape[1] if self.first and len(x.shape) == 4 else x.shape[-1])

    @property
    def activation(self) -> Any:
        name = self.any(*NAMED, *OTHERS, None, None, None, None, None, None)
        return self.any(name, name, getattr(keras.activations, name)) if name else None


def _window(d: Drawing) -> dict[str, Any]:
    stride = d.any(1, 1, 2, (2, 1), 3)
    dilation = d.any(1, 1, 2, (1, 2)) if stride == 1 else 1
    return {"strides": stride, "padding": d.any("valid", "same"), "dilation_rate": dilation, **d.layout}


def _drawn(d: Drawing, *names: str) -> dict[str, Any]:
    """What draws and punishes weights."""
    if d.chance(0.7):
        return {}
    given: dict[str, Any] = {f"{n}_initializer": "ones" for n in names} | {f"{n}_regularizer": "l2" for n in names}
    return given | {f"{n}_constraint": "non_neg" for n in names}


def conv(d: Drawing, x: Any) -> Any:
    groups = 2 if d.channels(x) % 2 == 0 and d.chance(0.3) else 1
    options = {**_window(d), "groups": groups, "use_bias": d.chance(0.7), "activation": d.activation}
    return L.Conv2D(groups * d.int(1, 3), d.pair(1, 3), **options, **_drawn(d, "kernel", "bias"))(x)


def depthwise(d: Drawing, x: Any) -> Any:
    options = {**_window(d), "depth_multiplier": d.int(1, 2), "use_bias": d.chance(0.7), "activation": d.activation}
    return L.DepthwiseConv2D(d.pair(1, 3), **options, **_drawn(d, "depthwise", "bias"))(x)


def separable(d: Drawing, x: Any) -> Any:
    options = {**_window(d), "depth_multiplier": d.int(1, 2), "use_bias": d.chance(0.7), "activation": d.activation}
    return L.SeparableConv2D(d.int(1, 4), d.pair(1, 3), **options, **_drawn(d, "pointwise"))(x)


def transposed(d: Drawing, x: Any) -> Any:
    options: dict[str, Any] = {"strides": d.any(1, 2, 3), "padding": d.any("valid", "same"), **d.layout}
    if d.chance(0.2):
        options["output_padding"] = 0
    if d.chance(0.1):
        options |= {"dilation_rate": 2, "strides": 1}
    return L.Conv2DTranspose(d.int(1, 3), d.int(1, 4), use_bias=d.chance(), activation=d.activation, **options)(x)


def dense(d: Drawing, x: Any) -> Any:
    layer = L.Dense(d.int(1, 5), activation=d.activation, use_bias=d.chance(0.7), **_drawn(d, "kernel"))
    made = layer(x)
    if d.chance(0.05):
        layer.enable_lora(2)
    return made


def pool(kind: str) -> Draw:
    def draw(d: Drawing, x: Any) -> Any:
        strides = d.any(None, 1, 2, (2, 1), 3)
        return getattr(L, kind)(d.any(2, 3, (2, 3), 1), strides=strides, padding=d.any("valid", "same"), **d.layout)(x)

    return draw


def global_pool(kind: str) -> Draw:
    return lambda d, x: getattr(L, kind)(keepdims=d.chance(), **d.layout)(x)


def _axis(d: Drawing, x: Any) -> Any:
    """The channels' as a rule, from the front or from behind."""
    rank = len(x.shape)
    right = 1 if d.first and rank == 4 else rank - 1
    return d.any(*[right, right - rank] * 5, 1, -1, d.int(1, rank - 1))


def batch_norm(d: Drawing, x: Any) -> Any:
    options = {"center": d.chance(0.8), "scale": d.chance(0.8), "epsilon": d.any(1e-3, 1e-5, 0.5)}
    if d.chance(0.1):
        options["renorm"] = True
    training = d.any({}, {}, {"training": False}, {"training": True})
    return L.BatchNormalization(axis=_axis(d, x), momentum=d.any(0.99, 0.5), **options, **_drawn(d, "beta", "gamma"))(
        x, **training
    )


def layer_norm(d: Drawing, x: Any) -> Any:
    axis = d.any(_axis(d, x), _axis(d, x), [1, 2, 3][: len(x.shape) - 1])
    options = {"center": d.chance(0.8), "scale": d.chance(0.8), "epsilon": d.any(1e-3, 1e-5, 0.5)}
    return L.LayerNormalization(axis=axis, **options)(x)


def activation(d: Drawing, x: Any) -> Any:
    name = d.any(*NAMED, *OTHERS[:-3])
    return L.Activation(d.any(name, getattr(keras.activations, name or "linear"), L.ReLU(6.0), L.LeakyReLU(0.3)))(x)


def activation_layer(d: Drawing, x: Any) -> Any:
    channels = {"shared_axes": d.any([1, 2], [2, 3], [1, 2, 3], None)} if len(x.shape) == 4 else {}
    made = d.any(
        L.ReLU(d.any(None, 6.0, 2.0, 0), d.any(0.0, 0.0, 0.1), d.any(0.0, 0.0, 0.0, 0.5)),
        L.LeakyReLU(d.any(0.3, 0.0, 1.5)),
        L.ELU(d.any(1.0, 0.3)),
        L.PReLU(**channels),
        L.Softmax(axis=d.any(-1, -1, 1)),
    )
    return made(x)


def padding(d: Drawing, x: Any) -> Any:
    way = d.any(1, d.pair(0, 2), (d.pair(0, 2), d.pair(0, 2)))
    return d.any(L.ZeroPadding2D, L.ZeroPadding2D, L.Cropping2D)(way, **d.layout)(x)


def upsampling(d: Drawing, x: Any) -> Any:
    way = d.any("nearest", "nearest", "bilinear", "bilinear", "bicubic")
    return L.UpSampling2D(d.any(2, (1, 3), (2, 3)), interpolation=way, **d.layout)(x)


def scaling(d: Drawing, x: Any) -> Any:
    c = d.channels(x)
    values = [float(v) for v in d.rng.uniform(0.3, 2, c)]
    at = 1 if d.first and len(x.shape) == 4 else -1
    if d.chance():
        return L.Rescaling(d.any(1 / 127.5, -0.5, values), d.any(-1.0, 0.0, values))(x)
    axis = d.any(at, at, at, None, 1, -1)
    sizes = [int(x.shape[a]) for a in ([] if axis is None else [axis])]
    mean, variance = (d.rng.uniform(0.2, 2, sizes).tolist() for _ in range(2))
    return L.Normalization(axis=axis, mean=mean, variance=variance, invert=d.chance(0.2))(x)


def reshape(d: Drawing, x: Any) -> Any:
    sizes = [int(n) for n in x.shape[1:]]
    total = int(np.prod(sizes))
    ways: list[tuple[int, ...]] = [(total,), (-1,), (1, 1, total), (sizes[0], -1), tuple(reversed(sizes))]
    if len(sizes) == 3:
        ways += [(sizes[1], sizes[0], sizes[2]), (-1, sizes[2]), (1, -1, sizes[2])]
    return L.Reshape(d.any(*ways))(x)


def flatten(d: Drawing, x: Any) -> Any:
    x = L.Flatten(**d.layout)(x)
    for _ in range(d.int(0, 2)):
        x = d.any(L.ReLU(), L.Dropout(0.3), L.Activation("tanh"), L.BatchNormalization(), L.Identity())(x)
    return L.Dense(d.int(2, 4))(x) if d.chance(0.9) else x


def merge(d: Drawing, x: Any) -> Any:
    kind = d.any("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Concatenate")
    way = d.any("layer", "layer", "layer", "mean", "vector", "flat")
    other = L.Activation(d.any("tanh", "relu"))(x)
    if len(x.shape) == 4 and way in ("mean", "vector"):
        other = L.GlobalAveragePooling2D(keepdims=way == "mean", **d.layout)(x)
    if way == "flat":
        x = other = L.Flatten(**d.layout)(x)
    options = {"axis": _axis(d, x)} if kind == "Concatenate" else {}
    both = d.any([x, other], [other, x], [x, other, x])
    return getattr(L, kind)(**options)(both)


def operation(d: Drawing, x: Any) -> Any:
    ops, number = keras.ops, d.any(0.5, 2, -1.5)
    one = d.any("relu", "relu6", "sigmoid", "silu", "tanh", "hard_sigmoid", "hard_silu")
    ways: list[Callable[[], Any]] = [
        lambda: getattr(ops, one)(x),
        lambda: getattr(ops, one)(x),
        lambda: ops.gelu(x, approximate=d.chance()),
        lambda: x + number,
        lambda: number + x,
        lambda: x * number,
        lambda: x - number,
        lambda: number - x,
        lambda: x / number,
        lambda: ops.maximum(x, number),
        lambda: x * ops.sigmoid(x),
        lambda: ops.add(x, np.ones((d.channels(x),), np.float32)),
        *[lambda: ops.mean(x, axis=d.any(*[(2, 3) if d.first else (1, 2)] * 3, (-3, -2), 1, None), keepdims=d.chance())]
        * 3,
        lambda: ops.leaky_relu(x, 0.3),
    ]
    return ways[d.int(0, len(ways) - 1)]()


def nothing(d: Drawing, x: Any) -> Any:
    made = d.any(
        *(L.Dropout(0.4), L.SpatialDropout2D(0.3) if len(x.shape) == 4 else L.Dropout(0.2, noise_shape=None)),
        *(L.GaussianNoise(0.5), L.GaussianDropout(0.3), L.AlphaDropout(0.2), L.Identity()),
        *(L.ActivityRegularization(0.1), L.RandomFlip() if len(x.shape) == 4 and not d.first else L.Identity()),
        *(L.RandomContrast(0.2) if len(x.shape) == 4 else L.Identity(), L.Dropout(0.5, seed=3)),
    )
    return made(x, training=True) if d.chance(0.1) else made(x)


def inner(d: Drawing, x: Any) -> Any:
    """A model inside the model, of one or two layers."""
    image = keras.Input(x.shape[1:])
    y = image
    for _ in range(d.int(1, 2)):
        y = draw(d, y, nested=False)
    return keras.Model(image, y)(x)


def own(d: Drawing, x: Any) -> Any:
    """A class of the user's that is called like one of Keras'."""

    class ReLU(L.Layer):  # type: ignore[misc,name-defined]
        def call(self, x: Any) -> Any:
            return x * 0.5

    class Conv2D(L.Conv2D):  # type: ignore[misc,name-defined]
        def call(self, x: Any) -> Any:
            return super().call(x) * 2.0

    def relu(x: Any) -> Any:
        return x * 3.0

    wide = len(x.shape) == 4
    return d.any(ReLU(), Conv2D(2, 1, **d.layout) if wide else ReLU(), L.Activation(relu))(x)


def shared(d: Drawing, x: Any) -> Any:
    """One layer on images of two sizes."""
    twice = d.any(L.Conv2D(3, 3, strides=2, padding="same", **d.layout), L.MaxPooling2D(3, 2, "same", **d.layout))
    head = L.GlobalAveragePooling2D(**d.layout)
    first, second = x, L.Cropping2D(((0, 1), (1, 0)), **d.layout)(x)
    return L.Add()([head(twice(first)), head(twice(second))])


IMAGES: list[Draw] = [
    *(conv, conv, conv, depthwise, separable, transposed, padding, upsampling, shared, inner, inner),
    *(pool("MaxPooling2D"), pool("AveragePooling2D"), global_pool("GlobalAveragePooling2D")),
    *(global_pool("GlobalMaxPooling2D"), flatten, flatten),
]
ANY: list[Draw] = [
    *(dense, batch_norm, batch_norm, layer_norm, activation, activation_layer, activation_layer, scaling, reshape),
    *(merge, merge, operation, nothing, own),
]


def draw(d: Drawing, x: Any, nested: bool = True) -> Any:
    """One layer more. Raises whatever Keras does for options that it does not take."""
    choices = [one for one in (*(IMAGES if len(x.shape) == 4 else ()), *ANY) if nested or one is not inner]
    return choices[d.int(0, len(choices) - 1)](d, x)
