"""A program that returns several tensors is run to its ends; what knows one output says so."""

from __future__ import annotations

import pytest
import torch

from edgequant.core.errors import BadModel
from edgequant.graph.program import Network, Output, Program, Step, last_uses

STEPS = (
    Step("a", "relu", ("image",), (2, 4, 4)),
    Step("b", "channel_mean", ("a",), (1, 4, 4)),
    Step("c", "mean", ("a",), (2,), {"keepdim": False}),
    Step("d", "softmax", ("c",), (2,)),
)


def program(*tensors: str) -> Program:
    shapes = {step.name: step.shape for step in STEPS}
    return Program("image", (2, 4, 4), tuple(Output(f"the {t}", t, shapes[t]) for t in tensors), STEPS)


def test_every_output_is_kept_and_given_by_its_name() -> None:
    both = program("a", "d")
    assert last_uses(both) == {"a": ("image",), "d": ("c",)}
    x = torch.randn(3, 2, 4, 4)
    found = Network(both, {})(x)
    assert list(found) == ["the a", "the d"]
    torch.testing.assert_close(found["the a"], torch.relu(x))
    torch.testing.assert_close(found["the d"], torch.relu(x).mean((2, 3)).softmax(1))


def test_one_output_is_the_only_one() -> None:
    assert program("d").only == Output("the d", "d", (2,))
    with pytest.raises(BadModel, match="returns 2 outputs"):
        _ = program("a", "d").only


def test_the_output_ends_in_a_softmax_not_the_last_step() -> None:
    assert program("d").ends_in_softmax and not program("c").ends_in_softmax
