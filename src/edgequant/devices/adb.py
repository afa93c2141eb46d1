"""An Android device, through a running adb server.

Android has no Python of its own: name one that lies on the device and has numpy and the runtime installed, for
example a Termux or a CPython for Android under /data/local/tmp.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from typing import final

from ..core.errors import BadOption
from ..core.progress import Tick
from .adb_wire import AdbPipe
from .device import AbstractDevice, Job, JobAnswer
from .link import run_job
from .package import BOOTSTRAP

SERIAL = re.compile(r"[\w.:@-]*")  # emulator-5554; 192.168.1.7:5555


@final
@dataclass(frozen=True)
class Adb(AbstractDevice):
    """`serial`: as `adb devices` shows it, empty for the only device; `python`: on the device; `server`: host:port."""

    serial: str = ""
    python: str = "python3"
    server: str = ""

    def run(self, job: Job, tick: Tick) -> JobAnswer:
        """Raises BadOption and DeviceError."""
        if not SERIAL.fullmatch(self.serial):
            raise BadOption(f"A device over adb is adb:SERIAL, as `adb devices` shows it. Got adb:{self.serial}.")
        server = self.address()
        command = (
            f'TMPDIR="${{TMPDIR:-/data/local/tmp}}" exec {shlex.quote(self.python)} -u -c {shlex.quote(BOOTSTRAP)}'
        )
        name = f"adb:{self.serial}" if self.serial else "The Android device"
        return run_job(lambda: AdbPipe(server, self.serial, command), job, tick, name, self._explain)

    def address(self) -> tuple[str, int]:
        """Of the adb server: the option, else adb's own variable, else adb's default. Raises BadOption."""
        default = f"127.0.0.1:{os.environ.get('ANDROID_ADB_SERVER_PORT', '5037')}"
        host, _, port = (self.server or default).rpartition(":")
        if not host or not port.isdigit():
            raise BadOption(f"An adb server is host:port, as 127.0.0.1:5037. Got {self.server or default}.")
        return host, int(port)

    def _explain(self, told: str) -> str:
        last = told.splitlines()[-1].strip().rstrip(".") if told else "nothing was said"
        place = f"adb:{self.serial},python=/path/on/the/device/python3"
        return f"adb:{self.serial} has no Python that runs as {self.python!r} ({last}). Name one: --device {place}"
