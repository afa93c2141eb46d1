"""Windows and macOS: what only some systems can call is guarded and listed, and stands nowhere on the main path."""

from __future__ import annotations

import ast
import os
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import edgequant
from edgequant.devices.far import agent
from edgequant.host import features, machine, process
from edgequant.measure import memory

ROOT = Path(edgequant.__file__).parent
POSIX = re.compile(
    r"\b(fcntl|pwd|grp|resource|termios|fork|killpg|setsid|SIGKILL|SIGHUP|SIGSTOP|pass_fds|socketpair|AF_UNIX"
    r"|sched_getaffinity|getloadavg|sysconf|register_at_fork|prctl)\b"
)
# file -> why a call there is no obstacle; docs/install.md says the same in words
GUARDED = {
    "host/forks.py": "asked for with hasattr",
    "host/guest.py": "asked for with hasattr",
    "host/machine.py": "asked for with hasattr, or AttributeError is caught",
    "host/process.py": "on Linux alone",
    "devices/far/agent.py": "asked for with hasattr",
    "pools/local.py": "several workers need Linux or macOS; the default is one, in this process",
}


def names(path: Path) -> set[str]:
    """Names, attributes and keywords of a file's code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return found | {str(node.arg) for node in ast.walk(tree) if isinstance(node, ast.keyword)}


def test_what_only_some_systems_have_is_guarded_and_listed() -> None:
    found = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if any(map(POSIX.fullmatch, names(path)))}
    assert found == set(GUARDED)


def test_a_process_dies_with_its_parent_on_linux_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(process, "ctypes", None)
    process.die_with(-1)


def test_without_process_groups_the_process_itself_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[bool] = []
    current = agent._Current()
    child: Any = SimpleNamespace(pid=0, poll=lambda: None, kill=lambda: killed.append(True))
    current.process = child
    monkeypatch.delattr(os, "killpg")
    current.kill()
    assert killed == [True]


def test_without_proc_peak_memory_is_unknown_with_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "RESET", tmp_path / "nothing")
    found = memory.peak_memory("a:B", tmp_path / "net.tflite", (1, 8, 8))
    assert found.bytes is None and "this system has no" in found.reason


def test_a_machine_without_linux_files_tells_what_it_can(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CPUS", "THERMAL", "CPUINFO", "STAT"):
        monkeypatch.setattr(machine, name, tmp_path / name)
    for name in ("sched_getaffinity", "getloadavg", "sysconf"):
        monkeypatch.delattr(os, name)
    assert machine.cores() >= 1 and machine.cpu_name() and machine.conditions()["load"] is None
    assert features.cpu_features() is None and machine.others(machine.conditions(), machine.conditions()) is None


def test_an_apple_processor_tells_its_dot_products(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "hw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_I8MM: 0\n"
    monkeypatch.setattr(features.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(features.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=said))
    assert features.cpu_features() == ["asimddp"]


def test_signals_of_this_system_have_names() -> None:
    assert signal.Signals(9).name == "SIGKILL"
