"""A Keras model that is already in memory: given to the Python API, or made by a factory of the user's."""

from __future__ import annotations

from typing import Any

from ..core.records import InputSpec
from .keras_network import KerasNetwork, check_same, input_shape, translate


def from_keras(model: Any, skip: bool = True) -> KerasNetwork:
    """The network, checked against the model, with its `input_spec`.

    With `skip`, layers at its head that scale the image become the record's mean and std; without, they stay in the
    network. A model without such layers does not say what it sees: mean and std are empty. Raises BadModel.
    """
    network, pixels = translate(model, skip)
    spec = InputSpec(*input_shape(model), *(pixels or ((), ())))
    check_same(model, network, spec, skip)
    network.input_spec = spec
    return network
