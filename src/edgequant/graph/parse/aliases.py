"""Operations in place, and who else sees what they write.

A view shares its tensor's memory: `y.flatten(1).relu_()` changes y. The program has values and no memory, so an
operation in place may only write to a tensor whose other names are that same tensor, or are read no more.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import fx

from .nodes import refuse
from .views import Value


def storage(node: fx.Node) -> int | None:
    """Which memory the node's result lies in, as it was while torch.export traced; None for what is no tensor."""
    made = node.meta.get("val")
    return made.untyped_storage()._cdata if isinstance(made, torch.Tensor) else None


def check_written(values: Mapping[fx.Node, Value], node: fx.Node) -> None:
    """Raises Unreadable where another name of the memory that the node has written is read behind it, and is not a
    name of the very tensor that it became.
    """
    tensor, order = values[node].tensor, {n: i for i, n in enumerate(node.graph.nodes)}
    for other, value in values.items():
        shares = value.tensor != tensor and storage(other) == storage(node)
        if shares and any(order[user] > order[node] for user in other.users):
            refuse(node, f"{node.target}, in place on memory that {other} is a view of and that is read again,",
                   "the same out of place is")  # fmt: skip
