"""A .pte opened in ExecuTorch's Python runtime."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from ...core.arrays import Array, Outputs, joined
from ...core.errors import BadFile, BadModel
from ...graph.program import SCORES
from ...host.process import ERRORS, OUTPUT, quiet
from ..contract import AbstractSession, OutputInfo
from .lower import METHOD, package

MARK = b"ET12"  # of the flatbuffer, at bytes 4..8


def open_session(path: Path, threads: int) -> ExecuTorchSession:
    """Raises BadFile and MissingExtra."""
    told = metadata(path)
    native = package("executorch.extension.pybindings.portable_lib")
    with quiet(OUTPUT, ERRORS):
        native._unsafe_reset_threadpool(threads)  # of the whole process
    return ExecuTorchSession(_program(path), told, path)


def metadata(path: Path) -> dict[str, Any]:
    """What edgequant left in the file; empty for the file of another tool. Raises BadFile and MissingExtra."""
    program = _program(path)
    if METHOD not in program.method_names:
        return {}
    found = json.loads(program.load_method(METHOD).execute([])[0])
    return found if isinstance(found, dict) else {}


def inspect(path: Path) -> dict[str, Any]:
    """{"tensors", "operators", "bytes", "metadata"}. Weights lie in the delegates' own format, which is not read."""
    told = metadata(path)
    read = package("executorch.exir._serialize._program").deserialize_pte_binary(path.read_bytes())
    program = getattr(read, "program", read)
    plan = next(p for p in program.execution_plan if p.name == "forward")
    called = Counter(f"{o.name}.{o.overload}".removesuffix(".") for o in plan.operators)
    delegates = Counter(d.id for d in plan.delegates)
    return {
        "tensors": [],
        "operators": {**dict(delegates), **dict(sorted(called.items()))},
        "bytes": {"total": path.stat().st_size},
        "metadata": told,
    }


@final
class ExecuTorchSession(AbstractSession):
    """One loaded method, batch 1, float32 in and out."""

    def __init__(self, program: Any, told: Mapping[str, Any], path: Path) -> None:
        self.method, self.told, self.path = program.load_method("forward"), told, path
        grid, classes = told.get("output") or {"scale": 0.0, "zero_point": 0}, len(told.get("classes", ()))
        info = OutputInfo(SCORES, (classes or -1,), "float32", float(grid["scale"]), int(grid["zero_point"]))
        self._outputs = (info,)  # a .pte has no name for it
        self.held: list[torch.Tensor] = []

    @property
    def outputs(self) -> tuple[OutputInfo, ...]:
        return self._outputs

    def run(self, inputs: Array) -> Outputs:
        return joined([self.decode(self._once(self.encode(inputs[i : i + 1]))) for i in range(len(inputs))])

    def run_quantized(self, inputs: Array) -> Outputs:
        reals = self.run(inputs)
        return {
            o.name: (np.rint(reals[o.name] / np.float32(o.scale)) + o.zero_point).astype(np.int8)
            if o.scale
            else reals[o.name]
            for o in self.outputs
        }

    def encode(self, inputs: Array) -> Array:
        """The file takes float32 itself."""
        return np.ascontiguousarray(inputs, np.float32)

    def decode(self, given: Sequence[Array]) -> Outputs:
        return {output.name: np.asarray(values, np.float32) for output, values in zip(self.outputs, given)}

    def counted(self, nodes: Any, files: Mapping[str, bytes]) -> dict[str, Any] | None:  # noqa: ARG002
        return self.told.get("kernels")

    def prepare(self, inputs: Array) -> None:
        self.held = [torch.from_numpy(self.encode(inputs))]

    def invoke(self) -> None:
        self.method.execute(self.held)

    def kernels(self) -> dict[str, Any]:
        """As they were counted when the file was made: the runtime does not tell."""
        known = self.told.get("kernels")
        return dict(known) if known else {"delegated": 0, "total": 0, "by": {}}

    def _once(self, image: Array) -> list[Array]:
        try:
            return [made.numpy().copy() for made in self.method.execute([torch.from_numpy(image)])]
        except RuntimeError as error:
            raise BadModel(f"ExecuTorch could not run {self.path}: {_first_line(error)}.") from error


def _program(path: Path) -> Any:
    if not path.is_file():
        raise BadFile(f"There is no file {path}. Give the path of a .pte file.")
    with path.open("rb") as file:
        head = file.read(8)
    if head[4:] != MARK:
        raise BadFile(f"{path} is not a .pte file (no {MARK.decode()} mark). Give a file that ExecuTorch can open.")
    runtime = package("executorch.runtime")
    try:
        with quiet(OUTPUT, ERRORS):  # what it says of the processor
            return runtime.Runtime.get().load_program(path)
    except (RuntimeError, OSError) as error:
        raise BadFile(f"ExecuTorch cannot open {path}: {_first_line(error)}. Is it a whole .pte file?") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
