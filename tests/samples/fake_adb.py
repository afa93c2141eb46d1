"""An adb server without a phone: the real wire protocol, and this machine's shell as the device's.

Of Android's adb (docs/dev/overview.md, services.md): requests of four hex digits of length and text, OKAY and FAIL,
`host:version`, `host:devices`, `host:transport:SERIAL`, `host:tport:serial:SERIAL`, `host:transport-any`,
`shell:COMMAND` and `exec:COMMAND`.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator

VERSION = 41


class FakeAdb:
    """`serials` are plugged in. `drop()` cuts every connection that a command holds."""

    def __init__(self, serials: tuple[str, ...] = ("emulator-5554",)) -> None:
        self.serials, self.commands, self.running = (
            serials,
            list[str](),
            list[tuple[socket.socket, subprocess.Popen[bytes]]](),
        )
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self) -> None:
        for link, _ in self.running:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        chosen = None
        with link, contextlib.suppress(OSError, ValueError):
            while True:
                text = read(link, int(read(link, 4), 16)).decode()
                if text.startswith(("host:transport", "host:tport")):
                    chosen = self._choose(link, text)
                elif text.startswith("host:"):
                    self._host(link, text)
                    return
                elif chosen and text.startswith(("exec:", "shell:")):
                    self._command(link, text.partition(":")[2])
                    return
                else:
                    fail(link, "no device selected" if chosen is None else f"unknown service {text}")

    def _choose(self, link: socket.socket, text: str) -> str | None:
        wanted = text.rpartition("host:transport:")[2] if "host:transport:" in text else text.rpartition("serial:")[2]
        found = self.serials[0] if wanted == "host:transport-any" else wanted
        if found not in self.serials:
            fail(link, f"device '{found}' not found")
            return None
        link.sendall(b"OKAY" + (b"\0" * 8 if "tport" in text else b""))
        return found

    def _host(self, link: socket.socket, text: str) -> None:
        if text == "host:version":
            okay(link, f"{VERSION:04x}")
        elif text == "host:devices":
            okay(link, "".join(f"{serial}\tdevice\n" for serial in self.serials))
        else:
            fail(link, f"unknown host service {text}")

    def _command(self, link: socket.socket, command: str) -> None:
        """Standard error is mixed into the answer, as `exec:` does."""
        self.commands.append(command)
        link.sendall(b"OKAY")
        process = subprocess.Popen(
            ["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        )
        self.running.append((link, process))
        assert process.stdin is not None and process.stdout is not None
        threading.Thread(target=pump, args=(link, process), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := process.stdout.read(1 << 16):
                link.sendall(data)
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
        process.stdout.close()
        process.wait()


def pump(link: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """What arrives goes to the command; when the connection ends, so does its input."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        while data := link.recv(1 << 16):
            view = memoryview(data)
            while view:
                view = view[process.stdin.write(view) or 0 :]
    with contextlib.suppress(OSError):
        process.stdin.close()


def read(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = link.recv(size - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def okay(link: socket.socket, text: str) -> None:
    link.sendall(b"OKAY" + b"%04x" % len(text) + text.encode())


def fail(link: socket.socket, text: str) -> None:
    link.sendall(b"FAIL" + b"%04x" % len(text) + text.encode())


def fake_adb() -> Iterator[FakeAdb]:
    server = FakeAdb()
    try:
        yield server
    finally:
        server.drop()
        server.listener.close()
