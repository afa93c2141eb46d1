"""A file in its runtime, on the device: raw values of the file's own type go in and come out.

How pixels become these values, and scores are made of them, is the business of the machine that sent the job. So
a device needs numpy and the runtime, and nothing else. Python 3.9 or newer.
"""

from __future__ import annotations

import json
import statistics
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
PROFILED = 20  # runs
KERNEL = "_kernel_time"  # how ONNX Runtime marks an operator's own time


class Missing(Exception):
    """The runtime is not installed on this device. The arguments: what pip calls it, and its module."""


class Runtime(ABC):
    """One file, opened; batch 1."""

    @abstractmethod
    def set(self, value: Array) -> None:
        """Place one input, (1, ...), so that `invoke` alone is timed."""

    @abstractmethod
    def invoke(self) -> None: ...

    @abstractmethod
    def get(self) -> list[Array]:
        """The outputs of the last `invoke`, (1, ...) each, in the file's order."""

    @abstractmethod
    def nodes(self, out: Path) -> Any:
        """What is known of where the operators ran, as JSON; larger things are written beside `out`."""

    def profile(self) -> list[dict[str, Any]] | None:
        """[{"name", "op", "where", "us"}] of one run, in order; None where the runtime does not tell."""
        return None

    def close(self) -> None:  # noqa: B027
        """Let go of files."""


class LiteRT(Runtime):
    """Options: `delegate` False leaves XNNPACK out; `library` is a delegate's shared library on the device."""

    def __init__(self, path: Path, threads: int, options: Mapping[str, Any]) -> None:
        self.module, self.package = litert()
        kind = "BUILTIN" if options.get("delegate", True) else "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
        library = options.get("library")
        self.interpreter = self.module.Interpreter(
            str(path),
            num_threads=threads,
            experimental_op_resolver_type=getattr(self.module.OpResolverType, kind),
            experimental_delegates=[self.module.load_delegate(library)] if library else None,
        )
        self.interpreter.allocate_tensors()
        self.source = self.interpreter.get_input_details()[0]["index"]
        self.sinks = [sink["index"] for sink in self.interpreter.get_output_details()]

    def set(self, value: Array) -> None:
        self.interpreter.set_tensor(self.source, value)

    def invoke(self) -> None:
        self.interpreter.invoke()

    def get(self) -> list[Array]:
        return [self.interpreter.get_tensor(sink) for sink in self.sinks]

    def nodes(self, out: Path) -> Any:  # noqa: ARG002
        return [
            {"index": n["index"], "op_name": n["op_name"], **{k: [int(t) for t in n[k]] for k in ("inputs", "outputs")}}
            for n in self.interpreter._get_ops_details()
        ]


class OnnxRuntime(Runtime):
    """Option: `provider`, the execution provider. The graph that runs is written beside: it tells the kernels."""

    def __init__(self, path: Path, threads: int, options: Mapping[str, Any], profiled: bool = False) -> None:
        self.runtime = module("onnxruntime", "onnxruntime")
        self.path, self.threads, self.options = path, threads, options
        self.session = self.open(str(path.parent / "profile") if profiled else "")
        self.source, self.sinks = self.session.get_inputs()[0].name, [o.name for o in self.session.get_outputs()]
        self.binding: Any = None
        self.held: Any = None

    def open(self, profile: str = "", optimized: str = "") -> Any:
        chosen = self.runtime.SessionOptions()
        chosen.intra_op_num_threads, chosen.inter_op_num_threads = self.threads, 1
        chosen.log_severity_level = 3
        if profile:
            chosen.enable_profiling, chosen.profile_file_prefix = True, profile
        if optimized:
            chosen.optimized_model_filepath = optimized
        provider = self.options.get("provider", "CPUExecutionProvider")
        known = self.runtime.get_available_providers()
        if provider not in known:
            raise ValueError(f"this ONNX Runtime has no provider {provider!r}; it has {', '.join(known)}")
        return self.runtime.InferenceSession(str(self.path), chosen, providers=[provider])

    def set(self, value: Array) -> None:
        self.held = self.runtime.OrtValue.ortvalue_from_numpy(value)
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input(self.source, self.held)
        for sink in self.sinks:
            self.binding.bind_output(sink, "cpu")

    def invoke(self) -> None:
        self.session.run_with_iobinding(self.binding)

    def get(self) -> list[Array]:
        return list(self.binding.copy_outputs_to_cpu())

    def nodes(self, out: Path) -> Any:
        self.open(optimized=str(out.with_suffix(".onnx")))
        return {"optimized": out.with_suffix(".onnx").name}

    def profile(self) -> list[dict[str, Any]]:
        """Of a second session: the one under the clock is not slowed down by it. The median of PROFILED runs."""
        other = OnnxRuntime(self.path, self.threads, self.options, profiled=True)
        other.set(self.held.numpy())
        for _ in range(PROFILED + 1):
            other.invoke()
        file = Path(other.session.end_profiling())
        events = json.loads(file.read_text())
        file.unlink()
        return _medians([e for e in events if e.get("cat") == "Node" and str(e["name"]).endswith(KERNEL)])


class ExecuTorch(Runtime):
    """A .pte in ExecuTorch's Python runtime, which wants torch on the device."""

    def __init__(self, path: Path, threads: int, options: Mapping[str, Any]) -> None:  # noqa: ARG002
        runtime = module("executorch.runtime", "executorch")
        self.torch = module("torch", "torch")
        import_module("executorch.extension.pybindings.portable_lib")._unsafe_reset_threadpool(threads)
        self.program = runtime.Runtime.get().load_program(path)
        self.method = self.program.load_method("forward")
        self.value: Any = None
        self.result: Any = None

    def set(self, value: Array) -> None:
        self.value = [self.torch.from_numpy(value)]

    def invoke(self) -> None:
        self.result = self.method.execute(self.value)

    def get(self) -> list[Array]:
        return [made.numpy() for made in self.result]

    def nodes(self, out: Path) -> Any:  # noqa: ARG002
        return None


RUNTIMES: dict[str, Any] = {"litert": LiteRT, "onnxruntime": OnnxRuntime, "executorch": ExecuTorch}
# what pip calls it
PACKAGES = {
    "litert": ("ai-edge-litert", "tflite-runtime"),
    "onnxruntime": ("onnxruntime",),
    "executorch": ("executorch",),
}


def litert() -> tuple[Any, str]:
    """LiteRT's interpreter module under its new or its old name, and the package's. Raises Missing."""
    for name, package in (("ai_edge_litert.interpreter", "ai-edge-litert"), ("tflite_runtime.interpreter", "")):
        try:
            return import_module(name), package or "tflite-runtime"
        except ModuleNotFoundError as error:
            if not str(error.name).startswith(name.partition(".")[0]):
                raise
    raise Missing("ai-edge-litert", "ai_edge_litert")


def module(name: str, package: str) -> Any:
    """Raises Missing."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise Missing(package, str(error.name)) from error


def versions(runtime: str) -> dict[str, str]:
    """{package: version} of what is installed of a runtime."""
    found = {}
    for package in (*PACKAGES[runtime], "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _medians(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line an operator from the events of PROFILED + 1 runs; the first run warms up and is left out."""
    size = len(events) // (PROFILED + 1)
    rows = []
    for position, event in enumerate(events[:size]):
        times = [float(e["dur"]) for e in events[position + size :: size]]
        where = event["args"].get("provider", "")
        name, kind = str(event["name"])[: -len(KERNEL)], event["args"]["op_name"]
        rows.append({"name": name, "op": kind, "where": where, "us": statistics.median(times)})
    return rows
