"""What the model stores or computes from what it stores: weights, and constants."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn
from torch.utils._pytree import tree_map

from .nodes import refuse


class Layers:
    """The weights that the exported module reads, gathered as modules under the user's own paths.

    All that is stored or made here is of one `dtype`, on the CPU, whatever defaults the caller has set.
    """

    def __init__(self, exported: fx.GraphModule, dtype: torch.dtype = torch.float32) -> None:
        self.exported = exported
        self.dtype = dtype
        self.modules: dict[str, nn.Module] = {}
        self._known: dict[fx.Node, Any] = {}  # tensors, and the numbers and lists that lead to them

    def add(self, path: str, module: nn.Module) -> str:
        """Register weights under their module path; a module that is called twice gets a second copy."""
        name, count = path, 1
        while name in self.modules:
            count += 1
            name = f"{path}#{count}"
        self.modules[name] = module
        return name

    def tensor(self, argument: Any) -> torch.Tensor | None:
        """The parameter, buffer or constant of an argument, detached; None for no argument.

        Arithmetic on constants (a BatchNorm written out, standardized weights) is done here, once.
        Raises Unreadable where the value depends on the image.
        """
        if argument is None:
            return None
        if not isinstance(argument, fx.Node):
            return self.number(argument)
        if argument not in self._known:
            self._known[argument] = tree_map(self._own, self._made(argument))
        return self._known[argument]  # type: ignore[no-any-return]

    def _own(self, made: Any) -> Any:
        if not isinstance(made, torch.Tensor):
            return made
        return made.detach().to("cpu", self.dtype if made.is_floating_point() else made.dtype)

    def number(self, value: Any) -> torch.Tensor:
        """A number, or a list of numbers, as a tensor."""
        return torch.tensor(value, dtype=self.dtype, device="cpu")

    def full(self, count: int, value: float) -> torch.Tensor:
        """(count,) of one number."""
        return torch.full((count,), value, dtype=self.dtype, device="cpu")

    def stored(self, argument: Any) -> torch.Tensor:
        """The same, of an argument that must be there."""
        found = self.tensor(argument)
        assert found is not None
        return found

    def _made(self, node: fx.Node) -> Any:
        if node.op == "get_attr":
            return self._attribute(str(node.target))
        if node.op != "call_function" or not callable(node.target):
            refuse(node, "A constant computed from the image, or from how many images there are,",
                   "weights and constants that the network stores are")  # fmt: skip
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            refuse(node, f"Chance ({node.target}) in evaluation", "a network that answers the same each time is")
        given: Any = retyped(fx.node.map_arg((node.args, node.kwargs), self.stored), self.dtype)
        with torch.no_grad():
            return node.target(*given[0], **given[1])

    def _attribute(self, target: str) -> torch.Tensor:
        value: Any = self.exported
        for part in target.split("."):
            value = getattr(value, part)
        return value  # type: ignore[no-any-return]


def retyped(given: Any, dtype: torch.dtype) -> Any:
    """Arguments that say float32 say `dtype` instead, and the CPU instead of another device."""

    def one(value: Any) -> Any:
        if isinstance(value, torch.device):
            return torch.device("cpu")
        return dtype if value is torch.float32 else value

    return tree_map(one, given)


def with_weights(layer: nn.Module, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    """`layer`, made without weights (on the meta device: no random numbers drawn), with copies of these."""
    layer.weight = nn.Parameter(weight.clone().contiguous())
    if bias is not None:
        layer.bias = nn.Parameter(bias.clone())
    return layer


def fold(layer: nn.Module, gain: torch.Tensor, shift: torch.Tensor) -> None:
    """Multiply each output channel by its gain and add its shift, in place: (O,) each.

    For BatchNorm W' = W * g / sqrt(v + eps), b' = (b - m) * g / sqrt(v + eps) + beta
    (Jacob et al., 2018, arXiv:1712.05877, eq. 14).
    """
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    weight = layer.weight.data
    bias = torch.zeros_like(shift) if layer.bias is None else layer.bias.data
    with_weights(layer, weight * gain.view(-1, *[1] * (weight.dim() - 1)), bias * gain + shift)
