"""What all of a process shares, as a caller could look at it."""

from __future__ import annotations

import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

SNAPSHOT: dict[str, Callable[[], Any]] = {
    "torch's generator": lambda: torch.get_rng_state().tolist(),
    "torch's seed": torch.initial_seed,
    "default type": torch.get_default_dtype,
    "default device": torch.get_default_device,
    "threads": torch.get_num_threads,
    "grad": torch.is_grad_enabled,
    "inference": torch.is_inference_mode_enabled,
    "autocast": lambda: torch.is_autocast_enabled("cpu"),
    "deterministic": lambda: (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    ),
    "precision": torch.get_float32_matmul_precision,
    "anomalies": torch.is_anomaly_enabled,
    "cudnn": lambda: (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
    "numpy's generator": lambda: str(np.random.get_state(legacy=False)),
    "numpy's errors": np.geterr,
    "python's generator": random.getstate,
    "folder": os.getcwd,
    "environment": lambda: dict(os.environ),
    "path": lambda: list(sys.path),
    "filters": lambda: list(warnings.filters),
    "warning": lambda: warnings.showwarning,
    "logging": lambda: (logging.root.level, logging.root.handlers[:], logging.root.manager.disable),
    "logger": lambda: (logging.getLogger("torch").level, logging.getLogger("torch").handlers[:]),
    "signals": lambda: {number: signal.getsignal(number) for number in signal.valid_signals()},
    "hooks": lambda: (sys.excepthook, sys.displayhook, sys.unraisablehook, sys.stdout, sys.stderr),
    "alive": lambda: threading.enumerate(),
    "locale": lambda: locale.setlocale(locale.LC_ALL),
}


def snapshot() -> dict[str, Any]:
    return {name: look() for name, look in SNAPSHOT.items()}


def differences(before: dict[str, Any]) -> list[str]:
    """The names of what is not as it was."""
    after = snapshot()
    return [name for name in before if before[name] != after[name]]
