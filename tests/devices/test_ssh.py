"""ssh against a real sshd."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from device_samples import answers, evaluation, pixels, write
from edgequant.core.errors import BadOption, DeviceError, MissingExtra
from edgequant.devices import link
from edgequant.devices.local import Local
from edgequant.devices.ssh import Ssh
from edgequant.files.files import benchmark_file, evaluate_file
from sshd_server import Server, free_port, key, write_config

Wait = Callable[[Callable[[], bool]], None]


def left_behind() -> set[str]:
    return {p.name for p in Path("/tmp").glob("edgequant-*")}


def test_a_file_gives_the_same_integers_there_and_nothing_stays(server: Server) -> None:
    before = left_behind()
    there = server.device().run(evaluation(), lambda *_: None)
    here = Local().run(evaluation(), lambda *_: None)
    assert np.array_equal(answers(there.files), answers(here.files)) and there.attempts == 1
    assert set(there.record) == set(here.record) and there.record["machine"] == here.record["machine"]
    assert left_behind() <= before


def keys(value: Any) -> Any:
    """The names in a record, at every depth; figures may differ."""
    if isinstance(value, dict):
        return {name: keys(one) for name, one in value.items()}
    return [keys(one) for one in value] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def test_a_benchmark_and_an_evaluation_return_the_same_records_as_local(server: Server, tmp_path: Path) -> None:
    device = f"ssh:{server.device().host},python={server.device().python},config={server.device().config}"
    path = write(tmp_path)
    here, there = (benchmark_file(path, device=place) for place in ("local", device))
    assert keys(here) == keys(there) and there["files"][0]["kernels"] == here["files"][0]["kernels"]
    np.savez(tmp_path / "set.npz", images=pixels(40), labels=np.arange(40) % 4)
    here, there = (evaluate_file(path, f"arrays:{tmp_path / 'set.npz'}", device=place) for place in ("local", device))
    assert there.pop("against_local") == {"top1_agreement": 1.0, "exact_fraction": 1.0, "max_lsb": 0, "max_abs": 0.0}
    assert here.pop("against_local") is None and (here.pop("device"), there.pop("device")) == ("local", device)
    assert here.pop("seconds") > 0 and there.pop("seconds") > 0
    assert here == there


def test_a_wrong_host_key_is_refused_before_anything_is_sent(server: Server, tmp_path: Path) -> None:
    other = key(tmp_path / "other")
    (tmp_path / "known").write_text(f"[127.0.0.1]:{server.port} {other}\n")
    config = write_config(tmp_path, "config", tmp_path / "known", server.folder / "user")
    with pytest.raises(DeviceError, match=r"was not used: .*(not a known host|not the known one)"):
        server.device(config=str(config)).run(evaluation(), lambda *_: None)


def test_an_unknown_host_is_refused(server: Server, tmp_path: Path) -> None:
    config = write_config(tmp_path, "config", tmp_path / "nothing", server.folder / "user")
    with pytest.raises(DeviceError, match=r"not a known host. Connect once by hand"):
        server.device(config=str(config)).run(evaluation(), lambda *_: None)


def test_a_key_that_is_not_let_in_is_refused(server: Server, tmp_path: Path) -> None:
    key(tmp_path / "stranger")
    config = write_config(tmp_path, "config", server.folder / "known_hosts", tmp_path / "stranger")
    with pytest.raises(DeviceError, match="Set up a key: ssh-copy-id"):
        server.device(config=str(config)).run(evaluation(), lambda *_: None)


def test_a_host_that_does_not_answer_is_named(server: Server) -> None:
    nobody = Ssh(f"127.0.0.1:{free_port()}", config=str(server.folder / "config"))
    with pytest.raises(DeviceError, match=r"was not reached: .*refused"):
        nobody.run(evaluation(), lambda *_: None)


def test_a_device_without_python_says_how_to_name_one(server: Server) -> None:
    with pytest.raises(DeviceError, match=r"has no /nowhere/python3. Name its Python"):
        server.device(python="/nowhere/python3").run(evaluation(), lambda *_: None)


def connections(server: Server) -> list[psutil.Process]:
    """What sshd started for its clients."""
    return psutil.Process(server.process.pid).children(recursive=True)


def test_a_killed_connection_is_opened_again(server: Server, monkeypatch: pytest.MonkeyPatch, wait: Wait) -> None:
    """The sshd process of the first connection is killed at its first sign of progress."""
    monkeypatch.setattr(link, "PAUSE_S", 0.05)
    before, killed = left_behind(), []

    def tick(*_: int) -> None:
        if not killed:
            killed.extend(p.pid for p in psutil.Process(server.process.pid).children())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    there = server.device().run(evaluation(400), tick)
    assert there.attempts == 2 and killed
    assert np.array_equal(answers(there.files), answers(Local().run(evaluation(400), lambda *_: None).files))
    wait(lambda: left_behind() <= before)  # the first agent saw its input end, and cleaned up


def test_a_connection_that_drops_every_time_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PAUSE_S", 0.05)

    def tick(*_: int) -> None:
        for process in psutil.Process(server.process.pid).children():
            process.kill()

    with pytest.raises(DeviceError, match="dropped 3 times while it worked"):
        server.device().run(evaluation(400), tick)


def test_an_interrupt_here_ends_the_work_there(server: Server, wait: Wait) -> None:
    before = left_behind()

    def tick(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        server.device().run(evaluation(400), tick)
    wait(lambda: left_behind() <= before and not connections(server))


@pytest.mark.parametrize(
    "host", ["", "-oProxyCommand=touch x", "a b", "user@", "host;ls", "host:port", "host:22:23", "$(ls)"]
)
def test_what_is_no_host_never_reaches_ssh(host: str) -> None:
    with pytest.raises(BadOption, match=r"A device over ssh is ssh:\[user@\]host"):
        Ssh(host).run(evaluation(), lambda *_: None)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("pi", ["--", "pi"]),
        ("pi@10.0.0.2:2222", ["-p", "2222", "-l", "pi", "--", "10.0.0.2"]),
        ("a@[fe80::1]", ["-l", "a", "--", "fe80::1"]),
    ],
)
def test_the_command_ends_with_the_host_and_a_constant(host: str, expected: list[str]) -> None:
    words = Ssh(host).command()
    assert words[-1 - len(expected) : -1] == expected and words[-1].startswith("exec python3 -u -c ")
    assert "StrictHostKeyChecking=yes" in words and "BatchMode=yes" in words


def test_a_python_with_a_space_is_one_word_there() -> None:
    assert Ssh("pi", python="/my python; rm -rf x").command()[-1].startswith("exec '/my python; rm -rf x' -u -c ")


def test_without_ssh_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingExtra, match="apt install openssh-client"):
        Ssh("pi").run(evaluation(), lambda *_: None)


def test_two_jobs_at_once_do_not_meet(server: Server) -> None:
    found: list[Any] = []

    def one() -> None:
        found.append(server.device().run(evaluation(), lambda *_: None))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(answers(found[0].files), answers(found[1].files))
