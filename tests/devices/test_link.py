"""The near end of a pipe, against far ends that misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from device_samples import evaluation
from edgequant.core.errors import DeviceError
from edgequant.devices import link
from edgequant.devices.device import JobAnswer
from edgequant.devices.far.frames import ALIVE, FAILED, JOB, MARK, PROGRESS, RESULT, pack, zipped
from edgequant.devices.link import Dropped, run_job

DONE = zipped({"main.json": b'{"files": []}', "outputs-0.npz": b"x"})


class Scripted:
    """Says what it was told to say, then falls silent or closes."""

    def __init__(self, says: bytes, words: str = "") -> None:
        self.says, self.words, self.got, self.closed = says, words, b"", 0

    def write(self, data: bytes) -> None:
        self.got += data

    def read(self, size: int, timeout_s: float) -> bytes:  # noqa: ARG002
        if not self.says:
            raise Dropped("it closed before the answer was there")
        part, self.says = self.says[:size], self.says[size:]
        return part

    def close(self) -> str:
        self.closed += 1
        return self.words


Run = Callable[..., JobAnswer]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Against one pipe after the other."""
    monkeypatch.setattr(link, "PAUSE_S", 0.0)

    def one(*pipes: Scripted, tick: Callable[[int, int], None] = lambda *_: None) -> JobAnswer:
        left = list(pipes)
        return run_job(lambda: left.pop(0), evaluation(), tick, "pi", lambda told: f"not reached: {told}")

    return one


def test_progress_and_the_answer(run: Run) -> None:
    seen: list[tuple[int, int]] = []
    says = MARK + pack(ALIVE, b"") + pack(PROGRESS, b'{"progress": [1, 2]}') + pack(RESULT, DONE)
    pipe = Scripted(says)
    answer = run(pipe, tick=lambda *both: seen.append(both))
    assert (answer.record, answer.files, answer.attempts) == ({"files": []}, {"outputs-0.npz": b"x"}, 1)
    assert seen == [(1, 2)] and pipe.closed and b"edgequant/devices/far/agent.py" in pipe.got


def test_what_a_login_shell_prints_is_skipped(run: Run) -> None:
    assert run(Scripted(b"Welcome to pi!\n" + MARK + pack(RESULT, DONE))).attempts == 1


def test_endless_chatter_is_refused(run: Run) -> None:
    with pytest.raises(DeviceError, match="talks without end"):
        run(Scripted(b"y\n" * 100_000))


def test_a_pipe_that_closes_at_once_is_explained_with_its_own_words(run: Run) -> None:
    with pytest.raises(DeviceError, match="not reached: no route"):
        run(Scripted(b"", "no route"))
    with pytest.raises(DeviceError, match="not reached: sh: python3: not found"):
        run(Scripted(b"sh: python3: not found\n"))


def test_a_drop_is_tried_again_and_counted(run: Run) -> None:
    assert (
        run(Scripted(MARK), Scripted(MARK + pack(RESULT, DONE)[:40]), Scripted(MARK + pack(RESULT, DONE))).attempts == 3
    )


def test_three_drops_are_enough(run: Run) -> None:
    with pytest.raises(DeviceError, match=r"The connection to pi dropped 3 times .*--quick"):
        run(Scripted(MARK), Scripted(MARK), Scripted(MARK))


def test_a_garbled_frame_is_a_drop(run: Run) -> None:
    assert run(Scripted(MARK + b"\xff" * 9), Scripted(MARK + pack(RESULT, DONE))).attempts == 2


def test_a_frame_of_another_version_is_refused(run: Run) -> None:
    with pytest.raises(DeviceError, match="another version"):
        run(Scripted(MARK + pack(JOB, b"")))


def test_a_job_that_failed_is_not_repeated(run: Run) -> None:
    told = json.dumps({"error": "killed by SIGSEGV", "missing": ""}).encode()
    with pytest.raises(DeviceError, match="pi could not run the file: killed by SIGSEGV"):
        run(Scripted(MARK + pack(FAILED, told)))


def test_a_missing_runtime_says_what_to_install(run: Run) -> None:
    told = json.dumps({"error": "no Python module 'onnxruntime'", "missing": "onnxruntime"}).encode()
    with pytest.raises(DeviceError, match="python3 -m pip install numpy onnxruntime"):
        run(Scripted(MARK + pack(FAILED, told)))
