"""Peak memory of toy backends whose appetite is known, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgequant.measure import memory
from edgequant.measure.memory import PeakMemory, peak_memory

BACKEND = """
import os, sys, time
import numpy as np

class Session:
    def __init__(self, path):
        self.weights = np.full(int(path.read_text()) * 2**20, 1, np.uint8)
    def run(self, inputs):
        assert inputs.shape == (1, 3, 8, 8) and inputs.dtype == np.float32
        work = np.full(8 * 2**20, 1, np.uint8)

class Toy:
    def open(self, path, threads):
        assert threads == 2
        return Session(path)

class Vendor(Toy):
    def open(self, path, threads):
        import toy_runtime
        return Session(path)

class NoTorch(Toy):
    def open(self, path, threads):
        assert "torch" not in sys.modules, "torch was imported"
        return Session(path)

class Hangs(Toy):
    def open(self, path, threads):
        time.sleep(60)

class Dies(Toy):
    def open(self, path, threads):
        os.kill(os.getpid(), 9)

class Leaves(Toy):
    def open(self, path, threads):
        os._exit(3)
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that says how many MiB of weights it has, beside a module with the backends above."""
    (tmp_path / "toy_backend.py").write_text(BACKEND)
    (tmp_path / "toy_runtime.py").write_text("import numpy\nlibrary = numpy.full(64 * 2**20, 1, numpy.uint8)\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "model").write_text("32")
    return tmp_path / "model"


def measured(name: str, file: Path, timeout_s: float = 600.0) -> PeakMemory:
    return peak_memory(f"toy_backend:{name}", file, (3, 8, 8), threads=2, timeout_s=timeout_s)


@pytest.mark.skipif(not memory.RESET.exists(), reason="peak memory needs Linux's /proc/self/clear_refs")
class TestLinux:
    def test_weights_and_work_are_counted(self, file: Path) -> None:
        found = measured("Toy", file)
        assert found.bytes == pytest.approx(40 * 2**20, abs=2 * 2**20), found.reason

    def test_the_runtimes_own_libraries_are_not(self, file: Path) -> None:
        found = measured("Vendor", file)
        assert found.bytes == pytest.approx(40 * 2**20, abs=2 * 2**20), found.reason

    def test_torch_is_not_imported_unless_the_backend_does(self, file: Path) -> None:
        found = measured("NoTorch", file)
        assert found.bytes, found.reason

    def test_a_file_that_cannot_be_opened_has_a_reason(self, file: Path) -> None:
        file.write_text("not a number")
        found = measured("Toy", file)
        assert found.bytes is None and "invalid literal" in found.reason and "\n" not in found.reason

    def test_a_runtime_that_hangs_is_stopped(self, file: Path) -> None:
        assert measured("Hangs", file, 1.0) == PeakMemory(None, "opening and running the file took over 1 s")

    def test_a_runtime_that_dies_has_a_reason(self, file: Path) -> None:
        assert "SIGKILL" in measured("Dies", file).reason
        assert "status 3" in measured("Leaves", file).reason


def test_elsewhere_there_is_no_figure_and_a_reason(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "RESET", tmp_path / "not there")
    found = measured("Toy", file)
    assert found.bytes is None and "not there" in found.reason


def test_the_module_imports_nothing_heavy() -> None:
    code = "import sys, edgequant.measure.memory; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
