"""From the names in a study to a network with its weights, captured, and its data."""

from __future__ import annotations

import dataclasses

from ...core.errors import BadModel
from ...core.image import Deployment, InputSpec
from ...core.pixels import NOTHING, Stated, stated_of
from ...core.registry import first_option
from ...data.dataset import AbstractDataset, Splits
from ...data.named.named_data import named_dataset
from ...graph.deploy import deployed
from ...models.model import AbstractModel
from .. import keys
from ..bench import Bench
from ..prepared import Prepared
from ..study import NetworkSpec
from . import preprocessing
from .contract import contract, load, stating
from .order import Order
from .sources import build_model, short_name, told
from .weights import weigh


def prepare(bench: Bench, spec: NetworkSpec) -> Prepared:
    """Load the data, build the network, give it its weights (a file's, the kept ones, or trained here), capture it.

    Raises BadData, BadModel, UnknownName and BadOption.
    """
    return prepare_objects(bench, build_model(spec.model), named_dataset(spec.data), spec)


def prepare_objects(bench: Bench, model: AbstractModel, dataset: AbstractDataset, spec: NetworkSpec) -> Prepared:
    """The same, from objects instead of names."""
    stated = stated_of(spec)
    what = first_option(spec.model)
    model = stating(told(model, spec.weights), stated, what)
    with bench.doing(f"{spec.data}: reading"):
        inputs, splits = load_data(model, dataset, stated, what, free=bool(spec.weights) or not model.has_weights)
    if not splits.classes and not model.has_weights:
        raise BadModel(
            f"{spec.data} has no labels, so nothing says how many classes {spec.model} tells apart. Expected a network"
            " that knows (path/to/file.py:factory), or labelled images."
        )
    weighed = weigh(bench, Order(model, spec, inputs, splits))
    captured = deployed(weighed.captured, Deployment(spec.input, spec.output, spec.layout))
    key = keys.network(captured, splits)
    looked = preprocessing.look(bench, weighed, splits, key)
    preprocessing.check(looked, what)
    return Prepared(
        key=key,
        name=spec.name or short_name(spec.model),
        data=spec.data,
        module=weighed.module,
        captured=captured,
        splits=splits,
        provenance=weighed.provenance,
        inputs=weighed.captured.inputs,
        training=spec.then[-1] if spec.then else spec.train,
        looked=looked,
    )


def load_data(
    model: AbstractModel,
    dataset: AbstractDataset,
    stated: Stated = NOTHING,
    what: str = "the network",
    free: bool = False,
) -> tuple[InputSpec, Splits]:
    """What the network takes, and the images so."""
    inputs = contract(model, stated, dataset.image_shape(), what, free)
    splits = load(dataset, inputs, stated)
    return inputs, dataclasses.replace(splits, fingerprint=keys.images(dataset, splits))
