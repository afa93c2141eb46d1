from __future__ import annotations

import threading

import pytest

from edgequant.host.prefetch import ahead


def test_items_come_in_order_and_each_is_made_once() -> None:
    made: list[int] = []
    assert list(ahead(lambda item: made.append(item) or item * 2, [3, 1, 2])) == [6, 2, 4]
    assert made == [3, 1, 2]
    assert list(ahead(str, [])) == []


def test_the_next_item_is_begun_before_it_is_asked_for() -> None:
    begun = threading.Event()
    items = ahead(lambda item: begun.set() if item else None, [0, 1])
    next(items)
    assert begun.wait(5)


def test_at_most_one_item_is_made_for_nothing() -> None:
    made: list[int] = []
    items = ahead(lambda item: made.append(item) or item, list(range(10)))
    assert next(items) == 0
    items.close()
    assert len(made) <= 2


def test_an_error_comes_out_where_its_result_would_have() -> None:
    def make(item: int) -> int:
        if item == 1:
            raise ValueError("the second")
        return item

    items = ahead(make, [0, 1, 2])
    assert next(items) == 0
    with pytest.raises(ValueError, match="the second"):
        next(items)
