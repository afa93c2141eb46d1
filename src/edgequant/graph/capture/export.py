"""torch.export of a user's module, one at a time, and what it says of a network that it cannot follow."""

from __future__ import annotations

import threading
import traceback
from pathlib import Path

import torch
from torch import fx, nn

from ...core.errors import BadModel
from ..parse.nodes import FRAME, library, line_of, name_of

ONE_AT_A_TIME = threading.RLock()  # torch.export patches torch while it traces
MOST = 65536  # images in a batch
SIZED = ("view", "reshape", "expand", "zeros", "ones", "full", "empty")  # whose first size may be the batch
BY_VALUES = ("GuardOnDataDependentSymNode", "DataDependentOutputException", "DynamicOutputShapeException")
FIXED = "specialized it to be a constant", "Not all values of batch"  # what torch.export says of a batch in the code


def exported(module: nn.Module, example: torch.Tensor) -> fx.GraphModule:
    """The ATen graph of `module` on batches of any size; `example` is a batch of two. Raises BadModel."""
    ready = getattr(module, "exported", None)
    if isinstance(ready, fx.GraphModule):  # torch.export's already, with the names of the module it was made of
        return ready
    try:
        batch = torch.export.Dim("batch", min=1, max=MOST)
        program = torch.export.export(module, (example,), dynamic_shapes=({0: batch},))
        return program.module(check_guards=False)
    except BadModel:
        raise
    except Exception as error:  # torch.export raises whatever the user's code does
        fixed = any(sign in str(error) for sign in FIXED)
        raise BadModel(fixed_batch(module, example) if fixed else _why(error)) from error


def _why(error: Exception) -> str:
    """One line: where in the user's code torch.export stopped, and why."""
    where = _where(error)
    if type(error).__name__ in BY_VALUES:
        return (
            f"What the network does depends on the values that it computes ({where}), and a file does the same with"
            " every image. Write torch.where(condition, a, b) where a number is looked at in if, for, assert, int() or"
            " .item(), and masks that multiply where they select."
        )
    said = next((line for line in str(error).splitlines() if line.strip()), "").strip()[:200].rstrip(".")
    return (
        f"torch.export could not follow the network's code ({where}): {type(error).__name__}: {said}."
        " Write forward with torch's own operations on one batch of images, nothing that leaves for numpy or Python."
    )


def _where(error: Exception) -> str:
    """`net.py, line 12` of the innermost frame that is the user's, which torch tells in its text or its traceback."""
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    for places in (FRAME.findall(str(error)), frames):
        own = [(file, line) for file, line in places if not library(file)]
        if own:
            return f"{Path(own[-1][0]).name}, line {own[-1][1]}"
    return "in its call"


def fixed_batch(module: nn.Module, example: torch.Tensor) -> str:
    """What to say of a network whose code holds the size of the batch, with the line if it is found."""
    line, name = _fixing_line(module, example), getattr(module, "name", None)
    who, where = name if isinstance(name, str) else type(module).__name__, f" ({line})" if line else ""
    return (
        f"{who} takes batches of one size only{where}; any number of images was expected. Write"
        " x.flatten(1), or x.view(x.size(0), ...), where a number stands for the batch; export a"
        " file with a dynamic batch."
    )


def _fixing_line(module: nn.Module, example: torch.Tensor) -> str:
    """Where a reshape or a constant names the batch as a number, or loses it."""
    try:
        graph = torch.export.export(module, (example,)).module(check_guards=False).graph
    except Exception:  # the line is a courtesy
        return ""
    for node in graph.nodes:
        place = 1 if name_of(node) in ("view", "reshape", "expand") else 0
        sizes = node.args[place] if len(node.args) > place else None
        shaped = node.op == "call_function" and name_of(node) in SIZED
        if shaped and isinstance(sizes, list | tuple) and len(sizes) > 1 and sizes[0] not in (-1, 1 - place):
            return line_of(node)
    return ""
