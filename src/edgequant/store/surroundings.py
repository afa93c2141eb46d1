"""What a result depends on besides what it was made from: versions, the processor, threads, switches.

Float sums come out in another order with another number of threads, another instruction set or another torch, and
training carries the last bit on into every weight. So what was made or measured elsewhere is not taken for what would
come out here. The load of the machine is no part of it: it changes by the second, and is kept with each latency
instead (`host.machine.conditions`).
"""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from importlib import metadata
from typing import Any

from ..host.machine import cores, cpu_name

ARITHMETIC = ("torch", "numpy", "scipy", "pillow", "accelerate", "torch-pruning", "keras")
RUNTIMES = (
    "ai-edge-litert",
    "onnxruntime",
    "onnx",
    "flatbuffers",
    "executorch",
    "tensorrt",
    "openvino",
    "tflite-micro",
)
# environment variables that change what is computed, or on how many cores
SWITCHES = (
    "OMP_NUM_THREADS", "OMP_DYNAMIC", "MKL_NUM_THREADS", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE",
    "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE",
)  # fmt: skip

# the newest that the matrix ran (`make matrix`); what is newer may well work, and every run says that it is newer
TESTED = {
    "python": "3.13",
    "torch": "2.14",
    "onnxruntime": "1.32",
    "onnx": "1.23",
    "ai-edge-litert": "2.3",
    "keras": "3.15",
}

Surroundings = dict[str, Any]

_told: dict[str, Surroundings] = {}  # of a worker: the run's


def computing() -> Surroundings:
    """For a step that computes with torch: its packages, the processor, the threads and switches of this moment."""
    return {**_told.get("computing", _computing()), "torch": _torch()}


def measuring() -> Surroundings:
    """For a step that runs a file: the packages of all runtimes and the cores besides."""
    return {**computing(), **_told.get("measuring", _measuring())}


def all_told() -> dict[str, Surroundings]:
    """What a worker on any machine is told, so that its steps are filed as the run's; its threads are set for real."""
    return {"computing": _computing(), "measuring": _measuring()}


def tell(told: dict[str, Surroundings]) -> None:
    """In a worker."""
    _told.update(told)


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """Of those packages that are installed."""
    return {name: found for name in names if (found := version(name))}


@cache
def version(name: str) -> str:
    """Of a package; empty where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def untested() -> list[str]:
    """A line for each package here that is newer than the newest which was tested."""
    here = {"python": platform.python_version()} | versions(tuple(TESTED)[1:])
    return [
        f"{name} {found} is newer than what edgequant was tested with ({TESTED[name]})."
        for name, found in here.items()
        if _numbers(found) > _numbers(TESTED[name])
    ]


def _numbers(text: str) -> tuple[int, ...]:
    """(2, 14) of 2.14.1+cu130: a release of the same series is no newer."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


@cache
def processor() -> str:
    """As the kernel names it, and the kind."""
    return f"{cpu_name()} {platform.machine()}"


def _computing() -> Surroundings:
    return {
        "python": platform.python_version(),
        "versions": versions(ARITHMETIC),
        "processor": processor(),
        "switches": {name: os.environ[name] for name in SWITCHES if name in os.environ},
    }


def _measuring() -> Surroundings:
    return {"runtimes": versions(RUNTIMES), "cores": cores()}


def _torch() -> Surroundings:
    """How torch computes at this moment in this process."""
    import torch

    return {
        "threads": torch.get_num_threads(),
        "dtype": str(torch.get_default_dtype()),
        "matmul": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "mkldnn": bool(torch.backends.mkldnn.enabled),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "",
    }
