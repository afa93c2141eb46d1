"""What `run` hands over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgequant import api
from edgequant.core.errors import BadFile


@pytest.mark.parametrize(
    ("words", "overrides"),
    [
        ([], []),
        (["--workers", "2"], ["workers=2"]),
        (["--set", "seed=1", "--quick", "9", "--workers", "3"], ["seed=1", "quick=9", "workers=3"]),
    ],
)
def test_workers_and_quick_are_overrides_behind_the_others(
    words: list[str], overrides: list[str], edgequant: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []

    def run(_study: str, _out: None, **options: Any) -> None:
        heard.append(options["overrides"])
        raise BadFile("enough")

    monkeypatch.setattr(api, "run", run)
    assert edgequant("run", "digits", *words).status == 2
    assert heard == [overrides]


def test_fewer_workers_than_one_are_refused(edgequant: Callable[..., Any]) -> None:
    assert "workers must be at least 1. Got -2." in edgequant("run", "digits", "--workers", "-2").refusal
