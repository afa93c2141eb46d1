"""The whole way on this machine: the agent, the runner and the runtimes in processes of their own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_samples import SPEC, answers, content, evaluation, inputs, npy, pixels, write
from edgequant.backends.litert.backend import LiteRT
from edgequant.core.arrays import only
from edgequant.core.errors import DeviceError
from edgequant.core.preprocess import normalise
from edgequant.devices.device import Job
from edgequant.devices.local import Local
from edgequant.devices.package import FILES, ROOT, runner


def quiet(*_: int) -> None:
    pass


def benchmark(*files: tuple[str, bytes, bytes], phases: tuple[str, ...] = ("main",), **more: Any) -> Job:
    """Of (runtime, file, input)."""
    budget = {"warmup_s": 0.01, "min_runs": 10, "max_runs": 20, "budget_s": 0.1}
    listed = [
        {"file": f"{n}.bin", "runtime": r, "options": {}, "input": f"{n}.npy"} for n, (r, _, _) in enumerate(files)
    ]
    spec = {
        "task": "benchmark",
        "phases": list(phases),
        "threads": 1,
        "seed": 0,
        "budget": budget,
        "files": listed,
        **more,
    }
    contents = {f"{n}{end}": data for n, (_, *both) in enumerate(files) for end, data in zip((".bin", ".npy"), both)}
    return Job(spec, contents)


TFLITE = ("litert", content(), npy(inputs(1)))


def test_scores_are_what_the_session_gives(tmp_path: Path) -> None:
    expected = only(LiteRT().open(write(tmp_path)).run_quantized(normalise(pixels(3), SPEC)))
    assert np.array_equal(answers(Local().run(evaluation(), quiet).files), expected)


def test_two_runtimes_are_timed_in_turns_with_memory_and_conditions() -> None:
    onnx = (
        "onnxruntime",
        content(target="onnxruntime"),
        npy((inputs(1).transpose(0, 3, 1, 2).astype(np.int16) + 128).astype(np.uint8)),
    )
    answer = Local().run(benchmark(TFLITE, onnx, phases=("memory-0", "memory-1", "main"), profile=True), quiet)
    first, second = answer.record["files"]
    assert first["latency_ms"]["p50"] > 0 and second["latency_ms"]["runs"] >= 10
    assert len(np.load(io.BytesIO(answer.files["samples-0.npy"]))) == first["latency_ms"]["runs"]
    assert first["profile"] is None and {row["op"] for row in second["profile"]} >= {"QLinearConv"}
    assert b"QLinearConv" in answer.files["optimized-1.onnx"]
    assert all(json.loads(answer.files[f"memory-{n}.json"])["bytes"] is not None for n in (0, 1))
    assert set(answer.record["conditions"]["before"]) >= {"mhz", "max_mhz", "governor", "celsius", "load", "busy_s"}
    assert {"ai-edge-litert", "onnxruntime", "numpy"} <= set(answer.record["machine"]["versions"])


def test_a_file_that_is_none_is_an_answer() -> None:
    job = evaluation()
    with pytest.raises(DeviceError, match=r"could not run the file: ValueError"):
        Local().run(replace(job, files={**job.files, "0.tflite": b"no flatbuffer"}), quiet)


def test_a_delegate_that_is_not_there_is_an_answer() -> None:
    with pytest.raises(DeviceError, match=r"could not run the file: .*libnothing.so"):
        Local().run(evaluation(library="/nowhere/libnothing.so"), quiet)


def test_a_provider_that_is_not_there_is_an_answer() -> None:
    job = benchmark(("onnxruntime", content(target="onnxruntime"), npy(np.zeros((1, 3, 8, 8), np.uint8))))
    job.spec["files"][0]["options"] = {"provider": "TensorrtExecutionProvider"}
    with pytest.raises(DeviceError, match="has no provider 'TensorrtExecutionProvider'"):
        Local().run(job, quiet)


def test_memory_that_cannot_be_told_does_not_stop_the_benchmark() -> None:
    """The second file is broken in the memory phase only."""
    job = benchmark(TFLITE, phases=("memory-7", "main"))
    answer = Local().run(job, quiet)
    assert "IndexError" in json.loads(answer.files["memory-7.failed.json"])["error"]


def test_a_crash_of_the_runtime_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "ai_edge_litert").mkdir()
    (tmp_path / "ai_edge_litert" / "__init__.py").write_text("")
    (tmp_path / "ai_edge_litert" / "interpreter.py").write_text("import os; os.kill(os.getpid(), 11)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        with pytest.raises(DeviceError, match="killed by SIGSEGV"):
            Local().run(evaluation(), quiet)


def test_a_device_without_the_runtime_says_what_to_install(tmp_path: Path) -> None:
    bare = "import sys; sys.modules['ai_edge_litert'] = sys.modules['tflite_runtime'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(bare)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        with pytest.raises(DeviceError, match="pip install numpy ai-edge-litert"):
            Local().run(evaluation(), quiet)


def test_a_python_that_does_not_start_is_named() -> None:
    with pytest.raises(DeviceError, match="could not be started with false"):
        Local(python="false").run(evaluation(), quiet)


def test_the_runner_needs_nothing_but_numpy_and_the_standard_library(tmp_path: Path) -> None:
    """What is sent imports by itself, with no package of the project's environment but numpy."""
    (tmp_path / "runner.pyz").write_bytes(runner())
    code = (
        "import sys; from edgequant.devices.far import agent, runner\n"
        "print(*{m.partition('.')[0] for m in sys.modules if m.partition('.')[0] not in sys.stdlib_module_names})"
    )
    places = [str(tmp_path / "runner.pyz"), str(Path(np.__file__).parents[1])]
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {places!r}\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"__main__", "edgequant", "numpy", "_distutils_hack", "sitecustomize"}


def test_equal_code_makes_equal_runners() -> None:
    assert runner() == runner.__wrapped__() and all((ROOT / name).is_file() for name in FILES)
