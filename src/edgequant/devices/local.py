"""This machine, by the same protocol as any other device."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import final

from ..core.progress import Tick
from .device import AbstractDevice, Job, JobAnswer
from .link import run_job
from .package import BOOTSTRAP
from .process_pipe import ProcessPipe


@final
@dataclass(frozen=True)
class Local(AbstractDevice):
    """`python`: the interpreter that runs the file; empty for this one."""

    python: str = ""

    def run(self, job: Job, tick: Tick) -> JobAnswer:
        """Raises DeviceError."""
        command = [self.python or sys.executable, "-u", "-c", BOOTSTRAP]

        def explain(told: str) -> str:
            last = told.splitlines()[-1] if told else "nothing was said"
            return f"A process of its own could not be started with {command[0]}: {last}."

        return run_job(lambda: ProcessPipe(command), job, tick, "This machine", explain)
