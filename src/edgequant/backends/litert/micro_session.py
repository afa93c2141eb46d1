"""A .tflite opened in TensorFlow Lite Micro's interpreter: what a microcontroller computes, and its RAM."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...core.arrays import Array, Outputs
from ...core.errors import BadFile, BadModel
from ...core.extras import need
from ...host.process import ERRORS, OUTPUT, quiet
from ..contract import AbstractSession, OutputInfo
from ..tflite.graph import load_graph
from .session import Session

LINES = re.compile(r"\[RecordingMicroAllocator\] Arena allocation (total|head|tail) (\d+) bytes")
UNKNOWN = re.compile(r"Didn't find op for builtin opcode '(\w+)'")


class MicroSession(AbstractSession):
    """One interpreter of TFLM's reference kernels, compiled for this machine; batch 1.

    How images are encoded and outputs decoded is LiteRT's session of the same file.
    """

    def __init__(self, path: Path) -> None:
        self.twin, self.path = Session(path), path
        self.interpreter = _open(path)

    @property
    def outputs(self) -> tuple[OutputInfo, ...]:
        return self.twin.outputs

    def run(self, inputs: Array) -> Outputs:
        return self.twin.decode(list(self.run_quantized(inputs).values()))

    def run_quantized(self, inputs: Array) -> Outputs:
        made: dict[str, list[Array]] = {output.name: [] for output in self.outputs}
        for image in self.twin.encode(inputs):
            self.interpreter.set_input(image[None], 0)
            self.invoke()
            for index, values in enumerate(made.values()):
                values.append(self.interpreter.get_output(index)[0])
        return {name: np.array(values) for name, values in made.items()}

    def prepare(self, inputs: Array) -> None:
        self.interpreter.set_input(self.twin.encode(inputs), 0)

    def invoke(self) -> None:
        try:
            self.interpreter.invoke()
        except RuntimeError as error:
            raise BadModel(f"TensorFlow Lite Micro could not run {self.path}: {error}.") from error

    def kernels(self) -> dict[str, Any]:
        """All of them are the interpreter's own: nothing is delegated."""
        by = Counter(operator.name for operator in load_graph(self.path).operators)
        return {"delegated": 0, "total": sum(by.values()), "by": dict(sorted(by.items()))}

    def arena(self) -> dict[str, int]:
        """{"total", "head", "tail"} bytes of RAM as the recording allocator tells them.

        `head` holds the activations that live at one time and the kernels' scratch, `tail` what stays. Pointers are
        those of this machine, 8 bytes; a 32-bit controller takes less in the tail. Weights are read in place (flash).
        """
        printed = _printed(self.interpreter.print_allocations)
        found = {name: int(size) for name, size in LINES.findall(printed)}
        if set(found) != {"total", "head", "tail"}:
            raise BadFile(
                f"TensorFlow Lite Micro told no arena size of {self.path}, but: {printed.strip()[:120]!r}."
                " Expected its recording allocator's lines. Install the tested range: pip install edgequant[tflm]."
            )
        return found


def _open(path: Path) -> Any:
    runtime = need("tflm", "tflite_micro.python.tflite_micro.runtime", "The target tflm")
    made: list[Any] = []
    failed: list[Exception] = []

    def work() -> None:
        try:
            made.append(runtime.Interpreter.from_file(str(path)))
        except Exception as error:  # a pybind11 module raises what its C++ threw
            failed.append(error)

    printed = _printed(work)
    if failed:
        unknown = UNKNOWN.search(printed)
        why = f"TFLM has no {unknown[1]} kernel" if unknown else " ".join(f"{failed[0]} {printed}".split())[:160]
        raise BadFile(
            f"TensorFlow Lite Micro cannot open {path}: {why}. Use target litert, or a network without it."
        ) from failed[0]
    return made[0]


def _printed(work: Callable[[], None]) -> str:
    """What C++ code writes to standard output and error while `work` runs; it reaches no terminal."""
    with quiet(OUTPUT, ERRORS) as sink:
        work()
        sink.seek(0)
        return sink.read().decode(errors="replace")
