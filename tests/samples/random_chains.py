"""Random networks of views, moves, means and activations around convolutions, from a list of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from edgequant.core.image import InputSpec

SPEC = InputSpec(4, 6, 4)
Act = Callable[[torch.Tensor], torch.Tensor]
ACTIVATIONS: tuple[Act, ...] = (
    torch.relu,
    F.relu6,
    torch.sigmoid,
    torch.tanh,
    F.silu,
    F.hardswish,
    F.hardsigmoid,
    F.gelu,
    lambda x: F.leaky_relu(x, 0.1),
    lambda x: x.clamp(-0.5, 0.5),
    lambda x: x.clamp(0, 1),
    F.elu,
    lambda x: -x,
    lambda x: x * x,
)
IN_PLACE: tuple[Act, ...] = (
    torch.relu_,
    lambda x: F.hardswish(x, inplace=True),
    lambda x: F.silu(x, inplace=True),
    lambda x: x.mul_(0.5),
    lambda x: x.add_(0.25),
    lambda x: F.leaky_relu_(x, 0.2),
    lambda x: x.clamp_(0, 6),
    lambda x: x.add_(x.relu()),
)


@dataclass
class Choices:
    """The numbers, read one after another; zeros when they are spent."""

    numbers: Sequence[int]
    at: int = 0

    def below(self, count: int) -> int:
        number = self.numbers[self.at] if self.at < len(self.numbers) else 0
        self.at += 1
        return number % count

    def of(self, items: Sequence[Any]) -> Any:
        return items[self.below(len(items))]

    @property
    def spent(self) -> bool:
        return self.at >= len(self.numbers)


@dataclass
class Chain:
    """Operations, each `(name, function of the values so far)`; the numbers decide which, the shapes what fits."""

    choices: Choices
    parts: nn.ModuleDict = field(default_factory=nn.ModuleDict)
    made: list[str] = field(default_factory=list)

    def part(self, make: Callable[[], nn.Module], name: str = "") -> nn.Module:
        """The layer of this place of the chain, made when the network first runs."""
        name = name or f"p{len(self.made)}"
        if name not in self.parts:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(len(self.made))
                self.parts[name] = make()
        return self.parts[name].eval()

    def run(self, x: torch.Tensor) -> torch.Tensor:
        """Replays the same choices for the same shapes, so that tracing and running are one network."""
        self.choices.at, self.made = 0, []
        kept = [x]
        while not self.choices.spent:
            x = self.step(x, kept)
            kept.append(x)
        return self.scores(x)

    def scores(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() == 4 and self.choices.below(2):
            x = x.mean((2, 3))
        width = math.prod(x.shape[1:])
        head = self.part(lambda: nn.Linear(width, 3), "head")
        return head(x.flatten(1))  # type: ignore[no-any-return]

    def step(self, x: torch.Tensor, kept: list[torch.Tensor]) -> torch.Tensor:
        name = self.choices.of(STEPS)
        self.made.append(name.__name__)
        made: torch.Tensor = name(self, x, kept)
        return made


def activation(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    return c.choices.of(ACTIVATIONS)(x)  # type: ignore[no-any-return]


def in_place(c: Chain, x: torch.Tensor, kept: list[torch.Tensor]) -> torch.Tensor:
    return x if x is kept[0] or len(kept) == 1 else c.choices.of(IN_PLACE)(x)


def conv(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    if x.dim() != 4:
        return x
    channels, kernel = x.shape[1], c.choices.of((1, 3))
    groups = channels if c.choices.below(4) == 0 else 1
    return c.part(lambda: nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=groups))(x)


def norm(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    if x.dim() not in (2, 4):
        return x
    width = x.shape[1]

    def make() -> nn.Module:
        bn = (nn.BatchNorm2d if x.dim() == 4 else nn.BatchNorm1d)(width)
        nn.init.normal_(bn.weight)
        nn.init.normal_(bn.running_mean)  # type: ignore[arg-type]
        nn.init.uniform_(bn.running_var, 0.5, 2)  # type: ignore[arg-type]
        return bn

    return c.part(make)(x)  # type: ignore[no-any-return]


def linear(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    width = x.shape[-1]
    return c.part(lambda: nn.Linear(width, width))(x)  # type: ignore[no-any-return]


LINES: tuple[Callable[[torch.Tensor, Any], torch.Tensor], ...] = (
    lambda x, number: x + number,
    lambda x, number: x * number,
    lambda x, number: number - x,
    lambda x, _: x / 2,
    lambda x, number: x - number,
)


def constant(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    dim = 1 + c.choices.below(x.dim() - 1)
    shape = [1] * x.dim()
    shape[dim] = x.shape[dim]
    values = torch.linspace(-1, 1, x.shape[dim], dtype=torch.float32, device="cpu").view(shape)
    number = c.choices.of((values, 0.5, 2.0))
    return c.choices.of(LINES)(x, number)  # type: ignore[no-any-return]


def permute(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    if x.dim() < 3:
        return x
    first, second = 1 + c.choices.below(x.dim() - 1), 1 + c.choices.below(x.dim() - 1)
    return x.transpose(first, second)


def shuffle(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    dim = 1 + c.choices.below(x.dim() - 1)
    if x.shape[dim] % 2:
        return x
    size = list(x.shape[1:])
    apart = x.reshape(x.shape[0], *size[: dim - 1], 2, size[dim - 1] // 2, *size[dim:])
    return apart.transpose(dim, dim + 1).reshape(x.shape[0], *size)


def reshape(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    size = [int(d) for d in x.shape[1:]]
    at = c.choices.below(len(size))
    kind = c.choices.below(4)
    if kind == 0 and len(size) > 1:  # two neighbours joined
        at = min(at, len(size) - 2)
        size[at : at + 2] = [size[at] * size[at + 1]]
    elif kind == 1 and size[at] % 2 == 0 and len(size) < 5:  # one taken apart
        size[at : at + 1] = [2, size[at] // 2]
    elif kind == 2:
        size = [*size[:at], 1, *size[at:]] if len(size) < 4 else size
    else:
        size = [d for d in size if d != 1] or [1]
    return x.reshape(x.shape[0], *size)


def image(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    count = math.prod(x.shape[1:])
    if count % 4:
        return x
    return x.reshape(x.shape[0], *c.choices.of(((count // 4, 2, 2), (4, count // 4, 1), (count, 1, 1))))


def slices(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    dim = 1 + c.choices.below(x.dim() - 1)
    if x.shape[dim] < 2:
        return x
    if c.choices.below(2):
        return x.narrow(dim, c.choices.below(2), x.shape[dim] - 1)
    return x[(slice(None),) * dim + (slice(None, None, 2),)]


def split(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    dim = 1 + c.choices.below(x.dim() - 1)
    if x.shape[dim] % 2:
        return x
    first, second = x.chunk(2, dim)
    return torch.cat([second, first], dim) if c.choices.below(2) else first + second


def cat(c: Chain, x: torch.Tensor, kept: list[torch.Tensor]) -> torch.Tensor:
    other = c.choices.of(kept)
    dim = 1 + c.choices.below(x.dim() - 1)
    rest = [[size for at, size in enumerate(t.shape) if at not in (0, dim)] for t in (x, other)]
    fits = other.dim() == x.dim() and rest[0] == rest[1] and small(x) and small(other)
    return torch.cat([x, other], dim) if fits else x


def small(x: torch.Tensor) -> bool:
    return math.prod(x.shape[1:]) < 500


def add(c: Chain, x: torch.Tensor, kept: list[torch.Tensor]) -> torch.Tensor:
    other = c.choices.of(kept)
    same = other.shape[1:] == x.shape[1:]
    return (x * other if c.choices.below(2) else x + other) if same else x


def pad(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    amounts = [c.choices.below(2) for _ in range(2 * min(2, x.dim() - 1))]
    return F.pad(x, amounts, value=c.choices.of((0.0, 0.5))) if small(x) else x


def mean(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    if x.dim() < 3:
        return x
    dims = sorted({1 + c.choices.below(x.dim() - 1) for _ in range(2)})
    return x.mean(dims, keepdim=bool(c.choices.below(2)) or len(dims) == x.dim() - 1)


POOLS: tuple[Act, ...] = (
    lambda x: F.max_pool2d(x, 2, 1),
    lambda x: F.avg_pool2d(x, 3, 1, 1),
    lambda x: F.adaptive_avg_pool2d(x, 1),
    lambda x: F.max_pool2d(x, 3, 2, 1),
)


def pool(c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    return c.choices.of(POOLS)(x) if x.dim() == 4 and min(x.shape[2:]) >= 3 else x  # type: ignore[no-any-return]


def gate(_c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    return x * torch.sigmoid(x.mean((2, 3), keepdim=True)) if x.dim() == 4 else x


def pixels(_c: Chain, x: torch.Tensor, _: Any) -> torch.Tensor:
    return F.pixel_shuffle(x, 2) if x.dim() == 4 and x.shape[1] % 4 == 0 else x


STEPS: tuple[Callable[[Chain, torch.Tensor, Any], torch.Tensor], ...] = (
    *(activation, in_place, conv, norm, linear, constant, permute, shuffle, reshape),
    *(image, slices, split, cat, add, pad, mean, pool, gate, pixels),
)


class Random(nn.Module):
    """The chain of these numbers, with its layers."""

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__()
        self.chain = Chain(Choices(numbers))
        self.parts = self.chain.parts
        with torch.no_grad():
            self.forward(torch.zeros(2, *SPEC.shape, dtype=torch.float32, device="cpu"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.chain.run(x)
