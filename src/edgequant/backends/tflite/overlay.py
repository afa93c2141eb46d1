"""Figures of layers as node data that Model Explorer lays over a `.tflite`.

Its TFLite loader calls a node by the operator's number in the file and a graph by the subgraph's name. Names of
tensors would do too, but a slim file has none: which layer an operator belongs to stands in the sidecar map, under
the operator's weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .inspect import read_model, sidecar

GRADIENT = [{"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#D55E00"}]  # white to vermilion


def node_data(path: Path, values: Mapping[str, float], title: str) -> dict[str, Any]:
    """`values` by layer (module path). The content of a node data file for `path`. Raises BadFile."""
    graph, names = read_model(path).subgraphs[0], sidecar(path)
    results = {}
    for number, operator in enumerate(graph.operators):
        layer = _layer(graph, names, operator)
        if layer in values:
            results[str(number)] = {"value": values[layer]}
    return {_text(graph.name): {"name": title, "results": results, "gradient": GRADIENT}}


def _layer(graph: Any, names: Mapping[int, str], operator: Any) -> str:
    """The name of the operator's second operand, its weights; empty where it has none."""
    if len(operator.inputs) < 2:
        return ""
    index = int(operator.inputs[1])
    return names.get(index) or _text(graph.tensors[index].name)


def _text(name: bytes | str | None) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name or ""
