"""The other end of reader_server.py."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reader:
    """See reader_server.py. `good` holds the valid files, `work` is for the damaged ones."""

    process: subprocess.Popen[str]
    good: Path
    work: Path

    def read(self, reader: str, path: Path) -> tuple[str, str]:
        """(how it ended, what was said)."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"reader": reader, "path": str(path)}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["kind"], answer["text"]

    def read_bytes(self, reader: str, name: str, content: bytes) -> tuple[str, str]:
        (self.work / name).write_bytes(content)
        return self.read(reader, self.work / name)
