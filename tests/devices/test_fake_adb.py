"""The fake server speaks adb: a client that many use, and none of ours, is content with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fake_adb import FakeAdb, fake_adb

adbutils = pytest.importorskip("adbutils")


@pytest.fixture
def server() -> Iterator[FakeAdb]:
    yield from fake_adb()


def test_adbutils_lists_the_device_and_runs_a_command_on_it(server: FakeAdb) -> None:
    host, _, port = server.address.rpartition(":")
    client = adbutils.AdbClient(host=host, port=int(port))
    assert client.server_version() == 41
    assert [device.serial for device in client.device_list()] == ["emulator-5554"]
    device = client.device("emulator-5554")
    assert device.shell("echo to the phone and back") == "to the phone and back"
    assert device.shell("printf '\\001\\377'", encoding=None) == b"\x01\xff"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # adbutils forgets its socket then
def test_adbutils_is_told_of_a_device_that_is_not_there(server: FakeAdb) -> None:
    host, _, port = server.address.rpartition(":")
    with pytest.raises(adbutils.AdbError, match="not found"):
        adbutils.AdbClient(host=host, port=int(port)).device("nobody").shell("true")
