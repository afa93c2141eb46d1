"""A machine that runs files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from ..core.progress import Tick


@dataclass(frozen=True)
class Job:
    """Work for a device: `spec` as devices/runner.py reads it, and the files that it names."""

    spec: dict[str, Any]
    files: dict[str, bytes]


@dataclass(frozen=True)
class JobAnswer:
    """What a device answered: its record, the files it made, and how many times the job had to be sent."""

    record: dict[str, Any]
    files: dict[str, bytes]
    attempts: int = 1


class AbstractDevice(ABC):
    """A machine that runs files: this one, or one at the other end of a connection."""

    @abstractmethod
    def run(self, job: Job, tick: Tick) -> JobAnswer:
        """Have the job done there; nothing of it stays behind. Raises DeviceError and, before it is sent, BadOption."""
