"""Random Keras models, Functional and Sequential: chains of one to five layers on an image of random size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .layers import Drawing, L, draw, keras

MOST = 5  # layers


@dataclass(frozen=True)
class Case:
    """A model, images as it takes them, and what it says of them."""

    seed: int
    kinds: tuple[str, ...]
    model: Any
    first: bool  # channels_first
    x: torch.Tensor
    wanted: np.ndarray


def random_model(seed: int) -> Case | None:
    """None where Keras takes none of the drawn layers, or where the result is not finite."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    d = Drawing(rng, bool(rng.random() < 0.3))
    sizes = (d.int(3, 8), d.int(3, 8))
    channels = d.int(1, 5)
    image = keras.Input((channels, *sizes) if d.first else (*sizes, channels))
    x = image
    for _ in range(d.int(1, MOST)):
        x = _grown(d, x)
    if x is image:
        return None
    built = _built(d, image, x)
    _draw_weights(built, rng)
    given = torch.from_numpy(rng.normal(0, 1.5, (3, *image.shape[1:])).astype(np.float32))
    try:
        with torch.no_grad():
            wanted = built(given, training=False).cpu().numpy()
    except Exception:  # Keras builds some models that its torch backend cannot run
        return None
    every = list(built._flatten_layers(include_self=False))
    kinds = tuple(type(layer).__name__ for layer in built.layers)
    # Without a layer that says so, nothing in a model tells that its image has the channels first.
    first = any(getattr(layer, "data_format", None) == "channels_first" for layer in every)
    return Case(seed, kinds, built, first, given, wanted) if np.isfinite(wanted).all() else None


def _grown(d: Drawing, x: Any) -> Any:
    try:
        made = draw(d, x)
    except Exception:  # options that Keras does not take, in as many ways
        return x
    return made if 0 < int(np.prod(made.shape[1:])) < 5000 and len(made.shape) > 1 else x


def _built(d: Drawing, image: Any, x: Any) -> Any:
    """Functional; of plain chains sometimes Sequential."""
    functional = keras.Model(image, x)
    layers = functional.layers[1:]
    chain = all(len(layer._inbound_nodes) == 1 and hasattr(layer, "dtype_policy") for layer in layers)
    one = all(len(layer._inbound_nodes[0].arguments.keras_tensors) == 1 for layer in layers) if chain else False
    if not one or not d.chance() or any(isinstance(layer, keras.Model) for layer in layers):
        return functional
    if not any(isinstance(layer, L.Layer) for layer in layers) or len({id(n) for n in layers}) != len(layers):
        return functional
    try:
        return keras.Sequential([keras.Input(image.shape[1:]), *layers])
    except ValueError:  # their order is not that of the calls
        return functional


def _draw_weights(model: Any, rng: np.random.Generator) -> None:
    """Anew, so that no gain of 1 or shift of 0 hides a mistake; variances stay above 0."""
    for v in model.weights:
        if "seed" in v.path or "int" in str(v.dtype):
            continue
        v.assign(rng.uniform(0.5, 1.5, v.shape) if "variance" in v.path else rng.normal(0, 0.4, v.shape))
