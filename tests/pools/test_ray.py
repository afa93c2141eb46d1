"""The same tasks on a Ray cluster of this machine, and the same ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgequant.core.errors import BadData, DeviceError, MissingExtra, WorkerDied
from edgequant.core.progress import Silent
from edgequant.pools.ray import Ray
from pool_samples import task, traces


def test_without_ray_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'edgequant\[ray\]'"):
        Ray().work([task("notes", tmp_path)], 2, Silent())


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**options: Any) -> None:
        raise ConnectionError(f"no answer from {options['address']}")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False, init=init))
    with pytest.raises(DeviceError, match=r"No Ray cluster answers at there:6379: no answer from there:6379 Expected"):
        Ray("there:6379").work([task("notes", tmp_path)], 2, Silent())


@pytest.mark.filterwarnings("ignore")  # Ray's own: of files it leaves open, and of what it will change
def test_tasks_end_on_ray_as_they_do_in_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))  # its workers are new processes
    pytest.importorskip("ray", reason="pip install 'edgequant[ray]'")
    names = ("notes", "dies", "dies_once", "raises_ours", "raises_another")
    ended = Ray().work([task(name, tmp_path) for name in names], 2, Silent())
    assert ended["notes"] is None and ended["dies_once"] is None
    assert len(traces(tmp_path, "dies_once")) == len(traces(tmp_path, "dies")) == 2
    assert isinstance(ended["raises_ours"], BadData) and str(ended["raises_ours"]) == "no images"
    assert isinstance(ended["dies"], WorkerDied) and "its Ray worker was lost" in str(ended["dies"])
    assert "twice: MemoryError." in str(ended["raises_another"])
