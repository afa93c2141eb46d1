"""adb against a server that speaks its protocol."""

from __future__ import annotations

import shlex
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from device_samples import answers, evaluation
from edgequant.core.errors import BadOption, DeviceError
from edgequant.devices import link
from edgequant.devices.adb import Adb
from edgequant.devices.local import Local
from edgequant.devices.package import BOOTSTRAP
from fake_adb import FakeAdb, fake_adb
from sshd_server import free_port

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def adb() -> Iterator[FakeAdb]:
    yield from fake_adb()


def phone(adb: FakeAdb, **options: str) -> Adb:
    return Adb(**{"serial": "emulator-5554", "python": sys.executable, "server": adb.address, **options})


def left_behind() -> set[str]:
    return {p.name for p in Path("/tmp").glob("edgequant-*")}


def test_a_file_gives_the_same_integers_there_and_nothing_stays(adb: FakeAdb) -> None:
    before = left_behind()
    there = phone(adb).run(evaluation(), lambda *_: None)
    here = Local().run(evaluation(), lambda *_: None)
    assert np.array_equal(answers(there.files), answers(here.files))
    assert set(there.record) == set(here.record) and left_behind() <= before


def test_the_command_holds_no_name_of_a_file(adb: FakeAdb) -> None:
    phone(adb).run(evaluation(), lambda *_: None)
    (command,) = adb.commands
    assert command.endswith(f" -u -c {shlex.quote(BOOTSTRAP)}") and "tflite" not in command


def test_the_only_device_needs_no_serial(adb: FakeAdb) -> None:
    assert phone(adb, serial="").run(evaluation(), lambda *_: None).attempts == 1


def test_a_dropped_connection_is_opened_again(adb: FakeAdb, monkeypatch: pytest.MonkeyPatch, wait: Wait) -> None:
    monkeypatch.setattr(link, "PAUSE_S", 0.05)
    before, dropped = left_behind(), []

    def tick(*_: int) -> None:
        if not dropped:
            dropped.append(True)
            adb.drop()

    assert phone(adb).run(evaluation(400), tick).attempts == 2
    wait(lambda: left_behind() <= before)
    wait(lambda: all(process.poll() is not None for _, process in adb.running))


def test_an_unknown_serial_is_refused_in_the_servers_words(adb: FakeAdb) -> None:
    with pytest.raises(DeviceError, match=r"device 'other' not found. List the devices with: adb devices"):
        phone(adb, serial="other").run(evaluation(), lambda *_: None)


def test_no_server_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(free_port()))
    with pytest.raises(DeviceError, match=r"No adb server answers at 127.0.0.1:.*adb start-server"):
        Adb("emulator-5554").run(evaluation(), lambda *_: None)


def test_a_phone_without_python_says_how_to_name_one(adb: FakeAdb) -> None:
    with pytest.raises(DeviceError, match=r"no Python that runs as 'python9'.*python=/path/on/the/device"):
        phone(adb, python="python9").run(evaluation(), lambda *_: None)


def test_what_is_no_serial_is_refused() -> None:
    with pytest.raises(BadOption, match="as `adb devices` shows it"):
        Adb("a b;ls").run(evaluation(), lambda *_: None)


@pytest.mark.parametrize("server", ["5037", "host:port"])
def test_what_is_no_server_is_refused(server: str) -> None:
    with pytest.raises(BadOption, match="An adb server is host:port"):
        Adb("x", server=server).address()


def test_a_server_that_breaks_off_is_named() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
    with listener, pytest.raises(DeviceError, match="broke off at 'host'"):
        Adb("x", server=f"127.0.0.1:{listener.getsockname()[1]}").run(evaluation(), lambda *_: None)


def test_adbs_own_client_understands_the_fake_server(adb: FakeAdb) -> None:
    """Who checks the checker: another implementation of the protocol."""
    adbutils = pytest.importorskip("adbutils")
    host, _, port = adb.address.rpartition(":")
    client = adbutils.AdbClient(host=host, port=int(port))
    assert [device.serial for device in client.device_list()] == ["emulator-5554"]
    assert client.device("emulator-5554").shell("echo it speaks") == "it speaks"
