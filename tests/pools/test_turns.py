"""The order of tasks, and what becomes of those whose worker dies."""

from __future__ import annotations

from edgequant.core.errors import BadData, WorkerDied
from edgequant.core.progress import Silent
from edgequant.pools.pool import Errand
from edgequant.pools.turns import Turns

A, B, C = (Errand(name, "module:function", None) for name in "abc")


def test_tasks_are_given_in_order_and_end_as_they_end() -> None:
    turns, error = Turns([A, B], Silent()), BadData("no")
    assert (turns.next(), turns.next(), turns.next()) == (A, B, None)
    turns.done(B, error)
    assert not turns.over
    turns.done(A, None)
    assert turns.over and turns.ended == {"b": error, "a": None}


def test_what_died_is_tried_again_when_nothing_else_runs() -> None:
    turns = Turns([A, B, C], Silent())
    assert (turns.next(), turns.next()) == (A, B)
    turns.died(A, "killed")
    assert turns.next() == C, "those that wait come first"
    turns.done(B, None)
    assert turns.next() is None, "C still runs"
    turns.done(C, None)
    assert turns.next() == A
    turns.done(A, None)
    assert turns.over and not any(turns.ended.values())


def test_two_that_died_are_tried_one_at_a_time() -> None:
    turns = Turns([A, B], Silent())
    for task in (turns.next(), turns.next()):
        assert task is not None
        turns.died(task, "killed")
    assert (turns.next(), turns.next()) == (A, None)
    turns.done(A, None)
    assert turns.next() == B


def test_what_died_twice_has_failed_for_both_reasons() -> None:
    turns = Turns([A], Silent())
    for why in ("killed", "MemoryError"):
        assert turns.next() == A
        turns.died(A, why)
    error = turns.ended["a"]
    assert turns.over and isinstance(error, WorkerDied)
    assert str(error).endswith("twice: killed and then MemoryError.")
