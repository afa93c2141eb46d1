"""The process that reads files for the fuzzers, and the valid files that they damage."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from reader_client import Reader

HERE = Path(__file__).parent


@pytest.fixture(scope="package")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reader")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)]),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",  # threads do not survive a fork
        "EDGEQUANT_CANARY": str(folder / "canary"),
    }
    command = [sys.executable, str(HERE / "reader_server.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        found = Reader(process, folder / "good", folder / "work")
        found.good.mkdir()
        found.work.mkdir()
        assert found.read("make", found.good) == ("read", "")
        (found.work / "right.json").write_bytes((found.good / "right.json").read_bytes())
        yield found
        assert process.stdin
        process.stdin.close()
