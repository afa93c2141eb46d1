"""The PyTorch modules that Keras layers become where `torch.nn` has none of the kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

Chw = tuple[int, int, int]


class Merge(nn.Module):
    """Several tensors to one. `kind`: add, mul, sub, average, maximum, minimum, or cat along `axis`."""

    def __init__(self, kind: str, axis: int = 1) -> None:
        super().__init__()
        self.kind, self.axis = kind, axis

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        if self.kind == "cat":
            return torch.cat(given, self.axis)
        total = given[0]
        for one in given[1:]:
            total = getattr(torch, "add" if self.kind == "average" else self.kind)(total, one)
        return total / len(given) if self.kind == "average" else total


class Number(nn.Module):
    """`x kind value`, the value a number: `x + 3.0`, `x * 0.5`."""

    def __init__(self, kind: str, value: float) -> None:
        super().__init__()
        self.kind, self.value = kind, value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kind in ("maximum", "minimum"):  # which torch has of tensors alone
            return x.clamp(min=self.value) if self.kind == "maximum" else x.clamp(max=self.value)
        return getattr(torch, self.kind)(x, self.value)  # type: ignore[no-any-return]


class GlobalMean(nn.Module):
    def __init__(self, keepdim: bool) -> None:
        super().__init__()
        self.keepdim = keepdim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3), keepdim=self.keepdim)


class Crop(nn.Module):
    """Rows and columns off the edges."""

    def __init__(self, top: int, bottom: int, left: int, right: int) -> None:
        super().__init__()
        self.rows, self.columns = (top, bottom), (left, right)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[2:]
        return x[:, :, self.rows[0] : height - self.rows[1], self.columns[0] : width - self.columns[1]]


class View(nn.Module):
    """Another shape for the same order of elements."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.shape[0], *self.shape)


class KerasOrder(nn.Module):
    """`inner` on what the tensor is in Keras: images as (N, H, W, C), before and behind, unless they stay as they are.

    `listed`: it takes its tensors as one list.
    """

    def __init__(self, inner: Any, channels_last: bool = True, listed: bool = False) -> None:
        super().__init__()
        self.inner, self.channels_last, self.listed = inner, channels_last, listed

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        own = [x.permute(0, 2, 3, 1) if x.dim() == 4 and self.channels_last else x for x in given]
        result: torch.Tensor = self.inner(own) if self.listed else self.inner(*own)
        return result.permute(0, 3, 1, 2) if result.dim() == 4 and self.channels_last else result


class Affine(nn.Module):
    """`gain * x + shift`, (C,) each, on images: a BatchNorm that never counts, so capture folds it like one."""

    def __init__(self, gain: torch.Tensor, shift: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(gain.float().clone())
        self.bias = nn.Parameter(shift.float().clone())
        self.register_buffer("zero", torch.zeros(len(gain)), persistent=False)
        self.register_buffer("one", torch.ones(len(gain)), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        zero, one = self.get_buffer("zero"), self.get_buffer("one")
        return F.batch_norm(x, zero, one, self.weight, self.bias, False, 0.0, 0.0)


def with_tensors(layer: Any, weight: torch.Tensor, bias: torch.Tensor | None) -> Any:
    """`layer`, made without weights (on the meta device: no random numbers drawn), with copies of these, float32."""
    layer.weight = nn.Parameter(weight.float().clone(memory_format=torch.contiguous_format))
    if bias is not None:
        layer.bias = nn.Parameter(bias.float().clone())
    return layer
