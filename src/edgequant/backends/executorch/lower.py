"""From the reference graph to the bytes of a .pte."""

from __future__ import annotations

import json
import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import torch

from ...core.errors import MissingExtra, Unsupported
from ...core.preprocess import pixel_record
from ...quantization.qdq import to_qdq
from ...quantization.reference import Reference

METHOD = "edgequant"  # a second method of the file, which returns its metadata as text
GRID = ("quantize_per", "dequantize_per")
PLUMBING = ("getitem", "executorch_call_delegate")


def lower(reference: Reference) -> bytes:
    """Raises MissingExtra, and Unsupported where ExecuTorch cannot lower the graph."""
    _check_border(reference)
    partitioner = package("executorch.backends.xnnpack.partition.xnnpack_partitioner").XnnpackPartitioner
    exir = package("executorch.exir")
    example = torch.zeros(1, *reference.captured.program.input_shape)
    with quiet():
        exported = torch.export.export(to_qdq(reference), (example,), strict=True)
        try:
            edge = exir.to_edge_transform_and_lower(exported, partitioner=[partitioner()])
            lowered = edge.exported_program()
            told = json.dumps(metadata(reference, lowered.graph_module), separators=(",", ":"))
            named = exir.EdgeProgramManager(lowered, {METHOD: told}, edge.compile_config)
            return bytes(named.to_executorch().buffer)
        except Exception as error:  # its passes raise whatever they come across
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise Unsupported(f"ExecuTorch cannot lower this network: {first}. Use the target litert.") from error


def _check_border(reference: Reference) -> None:
    """Raises Unsupported: integers at the border would be operators outside of the delegate."""
    asked = reference.captured.deployed
    if {asked.input, asked.output} - {"", "float32"} or asked.layout not in ("", "nchw"):
        raise Unsupported(
            f"A .pte takes and gives float32 in NCHW. {asked} was asked for. Leave input, output and layout out."
        )


def metadata(reference: Reference, graph: Any) -> dict[str, Any]:
    """What an app must know, and how many operators XNNPACK took."""
    program = reference.captured.program
    out = reference.activations.get(program.only.tensor)
    return {
        **pixel_record(reference.captured.inputs),
        "layout": "NCHW",
        "classes": reference.captured.classes,
        "recipe": reference.recipe,
        "probabilities": program.ends_in_softmax,
        "output": None if out is None else {"scale": out.scale, "zero_point": out.zero_point},
        "kernels": kernels(graph),
    }


def kernels(graph: Any) -> dict[str, Any]:
    """{"delegated", "total", "by"} of a partitioned graph; quantize and dequantize nodes are grids, not operators.

    One that is left outside a delegate is an operator all the same: it runs by itself.
    """
    delegated = 0
    for _, module in graph.named_children():
        if hasattr(module, "original_module"):
            delegated += sum(1 for name in _called(module.original_module.graph) if not name.startswith(GRID))
    outside = Counter(_called(graph.graph))
    by = {"XNNPACK": delegated, **dict(sorted(outside.items()))}
    return {"delegated": delegated, "total": delegated + sum(outside.values()), "by": by}


def _called(graph: Any) -> Iterator[str]:
    for node in graph.nodes:
        if node.op == "call_function":
            name = getattr(node.target, "__name__", str(node.target)).removeprefix("aten.")
            if not name.startswith(PLUMBING):
                yield name


def package(name: str) -> Any:
    """A module of ExecuTorch. Raises MissingExtra."""
    try:
        with quiet():
            return import_module(name)
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "executorch":
            raise
        raise MissingExtra(
            "The target executorch needs the package executorch. Type: pip install 'edgequant[executorch]'"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Its imports and passes warn of deprecations of their own; errors come as exceptions."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
