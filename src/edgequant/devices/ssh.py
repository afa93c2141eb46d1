"""A machine reached by the system's own ssh: a Raspberry Pi, a Jetson, a server.

Everything that ssh reads is honoured: ~/.ssh/config, the agent, known_hosts. Host keys are always checked, and
nothing is ever asked: a password prompt or an unknown host is a refusal that says what to do. The command that runs
there is a constant (package.BOOTSTRAP); files and their names travel in the stream.
"""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from typing import final

from ..core.errors import BadOption, MissingExtra
from ..core.progress import Tick
from .device import AbstractDevice, Job, JobAnswer
from .link import run_job
from .package import BOOTSTRAP
from .process_pipe import ProcessPipe

# user@ may be missing; a host name, an address, or an IPv6 address in brackets; a port may follow
HOST = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_.][\w.-]*)@)?(?P<host>[A-Za-z0-9_][\w.-]*|\[[0-9A-Fa-f:.%\w]+\])(?::(?P<port>\d+))?"
)
ALWAYS = (
    *("-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=15"),
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3", "-o", "LogLevel=ERROR"),
)


@final
@dataclass(frozen=True)
class Ssh(AbstractDevice):
    """`host`: [user@]host[:port]; `python`: the interpreter there; `config`: a file for ssh -F; `identity`: a key."""

    host: str = ""
    python: str = "python3"
    config: str = ""
    identity: str = ""

    def run(self, job: Job, tick: Tick) -> JobAnswer:
        """Raises BadOption, MissingExtra (no ssh here) and DeviceError."""
        command = self.command()
        if shutil.which("ssh") is None:
            raise MissingExtra(
                "There is no ssh on this machine. Install OpenSSH's client (apt install openssh-client)."
            )
        return run_job(lambda: ProcessPipe(command), job, tick, self.host, self._explain)

    def command(self) -> list[str]:
        """What is started here. Raises BadOption."""
        parts = HOST.fullmatch(self.host)
        if parts is None:
            raise BadOption(f"A device over ssh is ssh:[user@]host[:port]. Got ssh:{self.host}.")
        words = ["ssh", *(["-F", self.config] if self.config else []), *ALWAYS]
        words += ["-i", self.identity] if self.identity else []
        words += ["-p", parts["port"]] if parts["port"] else []
        words += ["-l", parts["user"]] if parts["user"] else []
        return [
            *words,
            "--",
            parts["host"].strip("[]"),
            f"exec {shlex.quote(self.python)} -u -c {shlex.quote(BOOTSTRAP)}",
        ]

    def _explain(self, told: str) -> str:
        """Why the agent there did not answer, from what ssh wrote, and what to do."""
        last = told.splitlines()[-1].strip().rstrip(".") if told else "it closed the connection without a word"
        name = self.host.rpartition(":")[0] or self.host if self.host.rpartition(":")[2].isdigit() else self.host
        for sign, advice in (
            (
                "REMOTE HOST IDENTIFICATION HAS CHANGED",
                f"its key is not the known one. If that is right: ssh-keygen -R {name}",
            ),
            (
                "Host key verification failed",
                f"it is not a known host. Connect once by hand and check its key: ssh {name}",
            ),
            ("Permission denied", f"ssh could not log in without a password. Set up a key: ssh-copy-id {name}"),
            (
                "not found",
                f"it has no {self.python}. Name its Python: --device ssh:{self.host},python=/path/to/python3",
            ),
            (
                "No such file",
                f"it has no {self.python}. Name its Python: --device ssh:{self.host},python=/path/to/python3",
            ),
        ):
            if sign in told:
                return f"{self.host} was not used: {advice} ({last})."
        return f"{self.host} was not reached: {last}. Check with: ssh {name} true"
