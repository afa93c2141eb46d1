"""Networks that hold their one tensor in a tuple, a list or a dict."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from edgequant.core.arrays import only
from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.graph.capture.one_result import give_one

SPEC = InputSpec(3, 8, 8)


@dataclass
class Output:
    logits: Any
    loss: Any = None


class Named(NamedTuple):
    scores: Any


class Net(nn.Module):
    def __init__(self, how: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.conv, self.fc, self.how = nn.Conv2d(3, 8, 3), nn.Linear(8, 4), how

    def forward(self, x: torch.Tensor) -> Any:
        return self.how(self.fc(self.conv(x).relu().mean((2, 3))))


ONE: dict[str, Callable[[Any], Any]] = {
    "tuple": lambda y: (y,),
    "list": lambda y: [y],
    "dict": lambda y: {"logits": y, "loss": None},
    "nested": lambda y: {"out": (y, None)},
    "named": Named,
}


@pytest.mark.parametrize("name", ONE)
def test_one_tensor_is_the_result_and_the_module_is_left_as_it_was(name: str) -> None:
    module = Net(ONE[name]).eval()
    found, x = capture(module, SPEC, tuple("abcd")), torch.randn(3, *SPEC.shape)
    assert not isinstance(module(x), torch.Tensor) and "conv.weight" in module.state_dict()
    torch.testing.assert_close(only(found.network(x)), give_one(module)(x))


def test_from_then_on_the_module_and_its_copies_give_it() -> None:
    module = give_one(give_one(Net(Output)))
    assert len(module._forward_hooks) == 1
    x = torch.randn(2, *SPEC.shape)
    made = copy.deepcopy(module)(x)
    assert made.shape == (2, 4)
    made.sum().backward()
    assert capture(module, SPEC, ()).program.only.tensor and len(module._forward_hooks) == 1


MANY: dict[str, tuple[Callable[[Any], Any], str]] = {
    "dict": (lambda y: {"out": y, "aux": y[:, :2]}, r"2 results: out \(N, 4\), aux \(N, 2\).* return 'out' alone"),
    "dataclass": (lambda y: Output(y, y.sum(1)), r"2 results: logits \(N, 4\), loss \(N,\)"),
    "ten": (lambda y: [y] * 10, r"10 results: output0 .*, and 2 more"),
    "none": (lambda _: None, "gives NoneType, and no tensor in it"),
}


@pytest.mark.parametrize("name", MANY)
def test_several_results_are_refused_with_names_and_shapes(name: str) -> None:
    how, message = MANY[name]
    with pytest.raises(BadModel, match=message):
        capture(Net(how), SPEC, ())
