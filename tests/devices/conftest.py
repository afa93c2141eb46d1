"""Devices to test with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from sshd_server import Server, serve

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def wait() -> Wait:
    """Until something holds, for ten seconds at most."""

    def until(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 600
        while not holds():
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.05)

    return until


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from serve(tmp_path_factory.mktemp("sshd"))
