"""A call leaves its caller's process as it was, however it ends, and computes the same whatever the caller has set."""

from __future__ import annotations

import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgequant.host import forks
from edgequant.host.guest import guest, visit
from guest_snapshot import differences, snapshot


def changed_by_all(folder: Path) -> None:
    """All that a library could do to its host."""
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    torch.set_default_dtype(torch.float16)
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_float32_matmul_precision("medium")
    torch.autograd.set_detect_anomaly(True)
    torch.backends.cudnn.benchmark = torch.backends.cudnn.deterministic = True
    np.seterr(all="raise")
    os.chdir(folder)
    os.environ["EDGEQUANT_GUEST"] = "1"
    os.environ.pop("OMP_NUM_THREADS")
    sys.path.insert(0, str(folder))
    warnings.simplefilter("ignore")
    warnings.showwarning = print  # type: ignore[assignment]
    logging.root.addHandler(logging.NullHandler())
    logging.root.setLevel(logging.DEBUG)
    logging.disable(logging.CRITICAL)
    logging.getLogger("torch").setLevel(logging.DEBUG)
    logging.getLogger("torch").addHandler(logging.NullHandler())
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    sys.excepthook = sys.displayhook = print
    sys.stdout = sys.stderr
    locale.setlocale(locale.LC_ALL, "C")


@pytest.mark.parametrize("end", [None, ValueError, KeyboardInterrupt, SystemExit])
def test_everything_is_as_it_was(end: type[BaseException] | None, tmp_path: Path) -> None:
    snapshot()  # the first look loads what torch loads late
    before = snapshot()

    @guest
    def entry() -> str:
        changed_by_all(tmp_path)
        if end is not None:
            raise end
        return "done"

    if end is None:
        assert entry() == "done"
    else:
        with pytest.raises(end):
            entry()
    assert differences(before) == []


def fresh() -> tuple[Any, ...]:
    return (
        torch.zeros(1).dtype, torch.zeros(1).device.type, torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"), torch.are_deterministic_algorithms_enabled(),
        torch.get_float32_matmul_precision(), np.geterr()["over"],
    )  # fmt: skip


def test_inside_torch_is_as_it_was_imported_whatever_the_caller_has_set() -> None:
    with ExitStack() as stack:
        stack.callback(torch.set_default_dtype, torch.get_default_dtype())
        stack.callback(torch.set_default_device, None)
        stack.callback(torch.use_deterministic_algorithms, False)
        stack.callback(torch.set_float32_matmul_precision, "highest")
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.use_deterministic_algorithms(True)
        torch.set_float32_matmul_precision("medium")
        for block in (torch.inference_mode(), torch.autocast("cpu"), torch.device("meta"), np.errstate(all="raise")):
            stack.enter_context(block)
        with visit():
            assert fresh() == (torch.float32, "cpu", True, False, False, False, "highest", "warn")
        assert fresh() == (torch.float64, "meta", False, True, True, True, "medium", "raise")


def test_one_thread_at_a_time_and_a_call_within_a_call_is_part_of_it() -> None:
    inside, most = 0, 0

    @guest
    def inner() -> None:
        assert random.random() >= 0

    @guest
    def entry() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        random.seed(0)
        first = random.random()
        random.seed(0)
        inner()
        assert random.random() != first, "the call within did not put anything back"
        inside -= 1

    threads = [threading.Thread(target=entry) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_a_folder_that_was_deleted_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with visit():
        os.chdir(tmp_path)


def test_from_another_thread_signals_are_left_alone() -> None:
    faults: list[BaseException] = []

    def other() -> None:
        try:
            with visit():
                pass
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert not faults


def test_in_a_forked_process_torch_runs_on_one_thread(python: Callable[..., str]) -> None:
    code = (
        "import edgequant, os, torch\n"
        "from edgequant.host.guest import visit\n"
        "torch.set_num_threads(2)\n"
        "torch.rand(999, 999) @ torch.rand(999, 999)\n"
        "def look(name):\n"
        "    with visit():\n"
        "        print(name, torch.get_num_threads(), float((torch.ones(999, 999) @ torch.ones(999, 999))[0, 0]))\n"
        "look('parent')\n"
        "import sys; sys.stdout.flush()\n"
        "if os.fork() == 0:\n    look('child'); sys.stdout.flush(); os._exit(0)\n"
        "os.wait()\n"
    )
    assert python(code).splitlines() == ["parent 2 999.0", "child 1 999.0"]
    assert not forks.without_threads()


def test_a_fork_while_another_thread_is_inside_does_not_wait_for_it(python: Callable[..., str]) -> None:
    code = (
        "import os, threading, signal\n"
        "from edgequant.host.guest import visit\n"
        "inside, over = threading.Event(), threading.Event()\n"
        "def stay():\n    with visit():\n        inside.set(); over.wait()\n"
        "thread = threading.Thread(target=stay); thread.start(); inside.wait()\n"
        "child = os.fork()\n"
        "if child == 0:\n    signal.alarm(60)\n    with visit():\n        os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])); over.set()\n"
    )
    assert python(code).strip() == "7"
