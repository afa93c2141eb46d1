"""A network that gives its one tensor in a tuple, a list or a dict, as HuggingFace's and many others do.

A hook on the module takes the tensor out, so that whoever calls the module (capture, training, latency, a teacher)
gets the tensor itself, and the module keeps its type and the names of its weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ...core.errors import BadModel
from ..parse.refusals import shortened

SHOWN = 8


def give_one(module: nn.Module) -> nn.Module:
    """`module` itself, which from now on gives its one tensor, whatever holds it. Calling it raises BadModel where it
    gives several. It may be asked twice.
    """
    if _taken not in module._forward_hooks.values():
        module.register_forward_hook(_taken)
    return module


@contextmanager
def giving_one(module: nn.Module) -> Iterator[None]:
    """The same for a while; then `module` is as it was."""
    if _taken in module._forward_hooks.values():
        yield
        return
    handle = module.register_forward_hook(_taken)
    try:
        yield
    finally:
        handle.remove()


def _taken(module: nn.Module, _: Any, result: Any) -> torch.Tensor:
    return the_tensor(result, type(module).__name__)


def the_tensor(result: Any, name: str) -> torch.Tensor:
    """The one tensor in a network's result. Raises BadModel, naming what is there."""
    if isinstance(result, torch.Tensor):
        return result
    found = list(_tensors(result, ""))
    if len(found) == 1:
        return found[0][1]
    if not found:
        raise BadModel(
            f"{name} gives {type(result).__name__}, and no tensor in it. Return the class scores (N, classes)."
        )
    shapes = [f"{key} (N, {', '.join(map(str, value.shape[1:]))})".replace("(N, )", "(N,)") for key, value in found]
    raise BadModel(
        f"{name} gives {len(found)} results: {shortened(shapes, SHOWN, ', ')}. One was expected, the class scores"
        f" (N, classes): return {found[0][0]!r} alone, from forward or from a module around the network."
    )


def _tensors(result: Any, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    """(name, tensor) of every tensor in it; a place in a tuple is `output0` …, None is nothing."""
    if isinstance(result, torch.Tensor):
        yield name or "output0", result
        return
    if isinstance(result, Mapping):
        parts = [(str(key), value) for key, value in result.items()]
    elif isinstance(result, tuple | list):
        fields = getattr(result, "_fields", None) or [f"output{i}" for i in range(len(result))]
        parts = list(zip(fields, result))
    elif dataclasses.is_dataclass(result):
        parts = [(field.name, getattr(result, field.name)) for field in dataclasses.fields(result)]
    else:
        return
    for key, value in parts:
        yield from _tensors(value, f"{name}.{key}" if name else key)
