"""A Keras model that is already in memory: given to the Python API, or made by a factory of the user's."""

from __future__ import annotations

from typing import Any

from ....core.image import InputSpec
from .network import KerasNetwork, input_shape, judge_of, translate


def from_keras(model: Any, skip: bool = True) -> KerasNetwork:
    """The network with its `input_spec`, and with its judge, the model itself.

    With `skip`, layers at its head that scale the image become the record's mean and std; without, they stay in the
    network. A model without such layers does not say what it sees: mean and std are empty. Raises BadModel.
    """
    network, pixels = translate(model, skip)
    mean, std = pixels or ((), ())
    network.input_spec = InputSpec(*input_shape(model), mean=mean, std=std)
    network.judge = judge_of(model, skip)
    return network
