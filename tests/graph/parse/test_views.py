"""Views against torch's own reshape and permute, on the positions of the values."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.graph.parse.views import View, permuted, reshaped, shuffled_groups, whole

BASES = st.sampled_from([(4, 6, 3), (8, 1, 5), (12, 2, 2), (6,), (1, 4, 4)])


def positions(base: tuple[int, ...]) -> torch.Tensor:
    return torch.arange(math.prod(base)).reshape(base)


def check(view: View, tensor: torch.Tensor) -> None:
    assert view.shape == tuple(tensor.shape)
    assert torch.equal(view.indices(), tensor)
    assert view.plain == torch.equal(tensor.flatten(), torch.arange(tensor.numel()))


@settings(max_examples=60, derandomize=True)
@given(BASES, st.lists(st.integers(0, 10**6), min_size=1, max_size=5))
def test_any_chain_of_permutes_and_reshapes(base: tuple[int, ...], draws: list[int]) -> None:
    view, tensor = whole(base), positions(base)
    for draw in draws:
        order = torch.randperm(tensor.dim(), generator=torch.Generator().manual_seed(draw)).tolist()
        view, tensor = permuted(view, tuple(order)), tensor.permute(order)
        check(view, tensor)
        shapes = [(tensor.numel(),), (2, -1), (-1, 2), tuple(tensor.shape), (*tensor.shape, 1)]
        try:
            tensor = tensor.reshape(shapes[draw % 5])
        except RuntimeError:  # an odd number of values has no halves
            continue
        again = reshaped(view, tuple(tensor.shape))
        if again is None:
            return
        view = again
        check(view, tensor)


def test_permutes_that_cancel_leave_the_tensor() -> None:
    there = permuted(whole((4, 6, 3)), (1, 2, 0))
    assert there.permutation() == (1, 2, 0) and not there.identity and there.axis(2) == 0
    assert permuted(there, (2, 0, 1)).identity


def test_axes_of_size_one_go_wherever_they_fit() -> None:
    assert permuted(whole((8, 1, 1)), (1, 2, 0)).permutation() == (1, 2, 0)
    assert permuted(whole((8, 1, 1)), (1, 2, 0)).plain


def test_an_axis_of_size_one_may_grow() -> None:
    assert whole((8, 1, 1)).over((8, 5, 3)).identity
    seen = permuted(whole((8, 1, 1)), (1, 2, 0)).over((8, 5, 3))
    assert seen.shape == (5, 3, 8) and permuted(seen, (2, 0, 1)).identity


def test_a_channel_shuffle_is_known_by_its_groups() -> None:
    split = reshaped(whole((12, 5, 5)), (3, 4, 5, 5))
    assert split is not None
    joined = reshaped(permuted(split, (1, 0, 2, 3)), (12, 5, 5))
    assert joined is not None and shuffled_groups(joined) == 3
    assert shuffled_groups(whole((12, 5, 5))) is None
    turned = reshaped(permuted(split, (1, 0, 3, 2)), (12, 5, 5))
    assert turned is not None and shuffled_groups(turned) is None


def test_a_dimension_that_is_no_product_of_parts_has_no_view() -> None:
    assert reshaped(permuted(whole((4, 6, 3)), (1, 2, 0)), (8, 9)) is None


def test_the_view_of_a_result_whose_axes_have_other_sizes() -> None:
    last = permuted(whole((4, 6, 3)), (1, 2, 0))
    assert last.over((9, 6, 3)).shape == (6, 3, 9)
    assert last.over((4, 1, 1)).shape == (1, 1, 4)
