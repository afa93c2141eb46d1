"""Where a file's operators run, and, where something about that is odd, how long it takes beside its float32."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from ....backends.contract import Unreadable
from ....catalog import BACKENDS
from ....core.arrays import Array
from ....files.input import target_for
from ....measure.latency import benchmark
from ....quantization.build import build
from ....recipe.recipe import parse_recipe
from ....recipe.resolve import resolve
from ..evidence import Running, Speed
from .file_side import FileSide
from .float_side import FloatSide

SECONDS = 1.0  # of timing a file


def running(file: FileSide, floats: FloatSide, image: Array) -> tuple[Running, str]:
    """`image`: one normalised (1, C, H, W). And what could not be seen; empty for nothing."""
    usual = BACKENDS.build(file.file.target)
    as_opened, by_default = file.session.kernels(), usual.open(file.path).kernels()
    found = Running(file.target, file.file.target)
    operators = usual.operators(file.path, by_default["by"])
    if isinstance(operators, Unreadable):
        return found, f"float operators inside the file are not looked for: {operators.reason}"
    found = dataclasses.replace(
        found,
        integer=operators.integer,
        delegated=as_opened["delegated"],
        delegated_usually=by_default["delegated"],
        total=as_opened["total"],
        builtin=operators.slow,
        floats=operators.floats,
        loose=operators.loose,
    )
    odd = found.integer and (found.builtin or found.floats or found.loose)
    return (_timed(found, file, floats, image) if odd or found.delegated < found.delegated_usually else found), ""


def _timed(found: Running, file: FileSide, floats: FloatSide, image: Array) -> Running:
    """All in turns, on one thread, so that what slows the machine slows them alike."""
    with tempfile.TemporaryDirectory() as folder:
        sessions = {"file": BACKENDS.build(found.target).open(file.path)}
        if found.target != found.usual:
            sessions["file_usually"] = BACKENDS.build(found.usual).open(file.path)
        float32 = lowered(floats, found.usual, Path(folder))
        sessions["float32"] = BACKENDS.build(target_for(float32)).open(float32)
        times = benchmark(sessions, image, threads=1, min_runs=30, budget_s=SECONDS)
    speeds: dict[str, Any] = {name: Speed(ms["p50"], *ms["p50_ci95"]) for name, ms in times.items()}
    return dataclasses.replace(found, **speeds)


def lowered(floats: FloatSide, target: str, folder: Path) -> Path:
    """Its float32 file, to time another one against. Raises Unsupported."""
    if floats.file is not None:
        return floats.file
    assert floats.captured is not None
    backend = BACKENDS.build(target)
    plan = resolve(floats.captured.program, parse_recipe("float32"), target, backend.capability)
    return backend.lower(build(floats.captured, plan, {}), folder / f"float32{backend.capability.suffix}").path
