"""A disk that fills up, a folder that cannot be written, memory that is gone: what was done stays, the rest goes on."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from edgequant.core.errors import out_of_memory
from edgequant.store import folder as rundir
from edgequant.store.disk import write_json
from edgequant.study.answering import finished as making
from test_resume import DECIDED, MEASURED

Cli = Callable[..., Any]


def untimed(folder: Path) -> dict[str, Any]:
    """results.json without what was measured in time and memory."""
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    for key in DECIDED:
        del found[key]
    for variant in found["variants"]:
        for key in MEASURED:
            variant.pop(key, None)
    return found


class FullDisk:
    """`write_json`, as it is while a step is sealed: from the `left`-th on there is no space."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, path: Path, value: Mapping[str, Any]) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_json(path, value)


def test_a_disk_that_fills_up_is_one_line_and_the_next_run_goes_on(
    edgequant: Cli, tiny_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = tmp_path / "run" / "steps"
    done: list[set[str]] = [set()]
    for left in (1, 2):
        with monkeypatch.context() as patched:
            patched.setattr(rundir, "write_json", FullDisk(left))
            said = edgequant("run", tiny_study, "--out", tmp_path / "run").refusal
        assert "No space left on device" in said and "--out DIR" in said
        done.append({path.name for path in steps.glob("[!.]*")})
        assert done[-2] < done[-1] and not list(steps.glob(".tmp-*"))
    assert edgequant("run", tiny_study, "--out", tmp_path / "run").status == 0
    assert done[-1] < {path.name for path in steps.glob("[!.]*")}
    assert edgequant("run", tiny_study, "--out", tmp_path / "peace").status == 0
    assert untimed(tmp_path / "run") == untimed(tmp_path / "peace")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="wants a place that root cannot write either")
def test_a_folder_that_cannot_be_written_is_one_line(edgequant: Cli, tiny_study: Path) -> None:
    said = edgequant("run", tiny_study, "--out", "/proc/edgequant").refusal
    assert "/proc/edgequant cannot be written" in said and "--out DIR" in said


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: not enough memory")],
    ids=["python", "torch"],
)
def test_memory_that_is_gone_fails_one_variant_and_the_others_finish(
    edgequant: Cli, tiny_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    genuine = making.make

    def make(bench: Any, variant: Any) -> Any:
        if variant.written == "w8a8":
            raise error
        return genuine(bench, variant)

    monkeypatch.setattr(making, "make", make)
    assert edgequant("run", tiny_study, "--out", tmp_path / "run").status == 1
    first, second = json.loads((tmp_path / "run" / "results.json").read_text())["variants"]
    assert first["status"] == "ok" and first["top1"] > 0.1
    assert second["status"] == "failed" and "too little memory" in second["reason"]
    assert (tmp_path / "run" / "report.html").exists()


def test_another_error_of_a_library_is_not_taken_for_memory(
    edgequant: Cli, tiny_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*_: Any) -> Any:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(making, "make", make)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        edgequant("run", tiny_study, "--out", tmp_path / "run")
    assert not out_of_memory(ValueError("x"))
