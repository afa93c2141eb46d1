"""A library is a guest in its caller's process: what all of the process shares is, behind a call, as it was before.

A public entry is marked with `@guest`. Inside, one such call runs at a time, whatever thread makes it: random states,
the default type and device, warnings and descriptors belong to the process, and what is timed is timed alone. Other
threads wait. A call within a call is part of it. What a caller may have set that changes what torch computes is put
aside meanwhile: a default type or device, autocast, no_grad and inference mode, deterministic algorithms, lower
precision of matrix products. In a process that was forked, torch runs on one thread. Not put back: modules that were
imported, and what those keep for themselves.
"""

from __future__ import annotations

import functools
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from .forks import without_threads

P = ParamSpec("P")
R = TypeVar("R")
HOOKS = ("excepthook", "displayhook", "unraisablehook", "stdin", "stdout", "stderr")  # of sys


class _House:
    """Who is inside: one thread at a time, which may come in again."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.depth = 0


_house = _House()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_house.__init__)  # type: ignore[misc]  # its holder is not in the child


def guest(function: Callable[P, R]) -> Callable[P, R]:
    """`function` as a guest, see above."""

    @functools.wraps(function)
    def visiting(*args: P.args, **options: P.kwargs) -> R:
        with visit():
            return function(*args, **options)

    return visiting


@contextmanager
def visit() -> Iterator[None]:
    """What `guest` does, around a block."""
    with _house.lock:
        if _house.depth:
            yield
            return
        with ExitStack() as stack:
            for part in (_process, _logs, _hooks, _python_random, _numpy, _torch):
                stack.enter_context(part())
            stack.enter_context(warnings.catch_warnings())
            _house.depth = 1
            try:
                yield
            finally:
                _house.depth = 0


@contextmanager
def _process() -> Iterator[None]:
    """The working folder, the environment, sys.path and the locale."""
    folder, environment, path = None, dict(os.environ), list(sys.path)
    with suppress(OSError):  # it may have been deleted
        folder = Path.cwd()
    spoken = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        with suppress(OSError):
            if folder is not None and Path.cwd() != folder:
                os.chdir(folder)
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update({k: v for k, v in environment.items() if os.environ.get(k) != v})
        if sys.path != path:
            sys.path[:] = path
        if locale.setlocale(locale.LC_ALL) != spoken:
            locale.setlocale(locale.LC_ALL, spoken)


@contextmanager
def _hooks() -> Iterator[None]:
    """Signal handlers, which only the main thread may put back, and the hooks and streams of sys."""
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    hooks = {name: getattr(sys, name) for name in HOOKS}
    try:
        yield
    finally:
        for name, hook in hooks.items():
            setattr(sys, name, hook)
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                if handler is not None and signal.getsignal(number) is not handler:  # None: not set from Python
                    signal.signal(number, handler)


@contextmanager
def _logs() -> Iterator[None]:
    """Levels, handlers and filters of the loggers that were there; packages set them up where they are imported."""
    there = [
        logging.root,
        *(one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)),
    ]
    before = [(one, one.level, one.propagate, one.disabled, one.handlers[:], one.filters[:]) for one in there]
    disabled = logging.root.manager.disable
    try:
        yield
    finally:
        logging.disable(disabled)
        for one, level, propagate, off, handlers, filters in before:
            if one.level != level:
                one.setLevel(level)
            one.propagate, one.disabled, one.handlers[:], one.filters[:] = propagate, off, handlers, filters


@contextmanager
def _python_random() -> Iterator[None]:
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def _numpy() -> Iterator[None]:
    """The state of numpy's global generator, and what it does on overflow."""
    import numpy as np

    state = np.random.get_state(legacy=False)
    try:
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):  # numpy's own defaults
            yield
    finally:
        np.random.set_state(state)


@contextmanager
def _torch() -> Iterator[None]:
    """torch as it is when it was just imported, and afterwards as the caller has it."""
    import torch

    state, threads, kind = torch.get_rng_state(), torch.get_num_threads(), torch.get_default_dtype()
    with ExitStack() as stack:
        for swap in _swaps(torch):
            stack.enter_context(swap)
        for block in _blocks(torch):
            stack.enter_context(block)
        torch.set_default_dtype(torch.float32)
        if without_threads():
            torch.set_num_threads(1)
        try:
            with _cuda(torch):
                yield
        finally:
            torch.set_default_dtype(kind)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            torch.set_rng_state(state)


def _swaps(torch: Any) -> Iterator[Any]:
    """Flags that torch has no block for: how it is asked, how it is told, and the value of a fresh process."""
    deterministic = (
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        lambda flag: torch.use_deterministic_algorithms(flag[0], warn_only=flag[1]),
        (False, False),
    )
    precision = (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest")
    anomalies = (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly, False)
    for asked, told, fresh in (deterministic, precision, anomalies):
        yield _swapped(asked, told, fresh)
    for name in ("benchmark", "deterministic"):
        yield _swapped(
            functools.partial(getattr, torch.backends.cudnn, name),
            functools.partial(setattr, torch.backends.cudnn, name),
            False,
        )


@contextmanager
def _swapped(asked: Callable[[], Any], told: Callable[[Any], Any], fresh: Any) -> Iterator[None]:
    """A setting at `fresh` for the length of a block, then again what it was."""
    before = asked()
    if before != fresh:
        told(fresh)
    try:
        yield
    finally:
        if asked() != before:
            told(before)


def _blocks(torch: Any) -> Iterator[Any]:
    """The caller's own blocks, undone: default devices, autocast, inference mode, no_grad."""
    for _ in range(torch._C._len_torch_function_stack()):  # set_default_device and `with torch.device(…)` stand here
        yield torch.overrides._pop_mode_temporarily()
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            yield torch.autocast(device, enabled=False)
    if torch.is_inference_mode_enabled():
        yield torch.inference_mode(False)
    yield torch.set_grad_enabled(True)


@contextmanager
def _cuda(torch: Any) -> Iterator[None]:
    """The generators of GPUs. Where none was used yet, torch.manual_seed only notes their seed for later."""
    used = torch.cuda.is_initialized()
    states = torch.cuda.get_rng_state_all() if used else []
    seed = torch.initial_seed()
    try:
        yield
    finally:
        if used:
            torch.cuda.set_rng_state_all(states)
        elif torch.cuda.is_available():
            torch.cuda.manual_seed_all(seed)
