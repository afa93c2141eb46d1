"""The protocol of an adb server: a request is four hex digits of length and the text; OKAY or FAIL comes back.

Sources: Android's `packages/modules/adb`, docs/dev/overview.md and services.md. After `host:transport:SERIAL` the same
connection belongs to that device, and after `exec:COMMAND` it is a raw pipe to the command's standard input and
output (standard error is mixed in).
"""

from __future__ import annotations

import contextlib
import socket
from typing import final

from ..core.errors import DeviceError
from .link import Dropped

CONNECT_S = 5.0


@final
class AdbPipe:
    """A command on a device, through the server at (host, port). Raises DeviceError where it does not get there."""

    def __init__(self, server: tuple[str, int], serial: str, command: str) -> None:
        self.socket = connect(server)
        try:
            transport(self.socket, serial)
            request(self.socket, f"exec:{command}")
        except BaseException:
            self.socket.close()
            raise

    def write(self, data: bytes) -> None:
        try:
            self.socket.settimeout(None)
            self.socket.sendall(data)
        except OSError as error:
            raise Dropped(f"it closed while the job was sent: {error.strerror or error}") from error

    def read(self, size: int, timeout_s: float) -> bytes:
        try:
            self.socket.settimeout(timeout_s)
            data = self.socket.recv(size)
        except TimeoutError as error:
            raise Dropped(f"nothing was heard for {timeout_s:g} s") from error
        except OSError as error:
            raise Dropped(f"the connection broke: {error.strerror or error}") from error
        if not data:
            raise Dropped("it closed before the answer was there")
        return data

    def close(self) -> str:
        with contextlib.suppress(OSError):
            self.socket.close()
        return ""


def connect(server: tuple[str, int]) -> socket.socket:
    """Raises DeviceError."""
    try:
        return socket.create_connection(server, CONNECT_S)
    except OSError as error:
        raise DeviceError(
            f"No adb server answers at {server[0]}:{server[1]} ({error.strerror or error})."
            " Start it where the device is plugged in: adb start-server"
        ) from error


def transport(link: socket.socket, serial: str) -> None:
    """From here on the connection is the device's; without a serial, the only one's. Raises DeviceError."""
    try:
        request(link, f"host:transport:{serial}" if serial else "host:transport-any")
    except DeviceError as error:
        raise DeviceError(f"{error} List the devices with: adb devices") from error


def listed(server: tuple[str, int]) -> dict[str, str]:
    """Serial -> state of every device that the server knows. Raises DeviceError."""
    with connect(server) as link:
        request(link, "host:devices")
        try:
            lines = exactly(link, int(exactly(link, 4), 16)).decode(errors="replace").splitlines()
        except (OSError, ValueError) as error:
            raise DeviceError(f"The adb server broke off at 'devices': {error}.") from error
    return {serial: state for serial, _, state in (line.partition("\t") for line in lines) if serial}


def request(link: socket.socket, text: str) -> None:
    """Raises DeviceError where the server refuses, or does not speak adb."""
    data = text.encode()
    try:
        link.sendall(b"%04x" % len(data) + data)
        status = exactly(link, 4)
        told = b"" if status == b"OKAY" else exactly(link, int(exactly(link, 4), 16))
    except (OSError, ValueError) as error:
        raise DeviceError(f"The adb server broke off at {text.partition(':')[0]!r}: {error}.") from error
    if status != b"OKAY":
        raise DeviceError(f"The adb server refused: {told.decode(errors='replace')}.")


def exactly(link: socket.socket, size: int) -> bytes:
    """Raises OSError where the connection ends before."""
    data = b""
    while len(data) < size:
        part = link.recv(size - len(data))
        if not part:
            raise ConnectionError("the connection ended")
        data += part
    return data
