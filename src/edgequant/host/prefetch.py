"""Work on the next item while the caller is busy with this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(make: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """`make(item)` for each, in order, one at a time, begun in a thread before it is asked for.

    What `make` raises comes out where its result would have. A caller that stops early leaves at most one
    item made for nothing.
    """
    if not items:
        return
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(make, items[0])
        for item in items[1:]:
            result = waiting.result()
            waiting = pool.submit(make, item)
            yield result
        yield waiting.result()
