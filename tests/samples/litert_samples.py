"""Small networks, one for each thing an operation may do, and their references by any recipe."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.backends.contract import AbstractBackend
from edgequant.backends.litert.backend import LiteRT
from edgequant.calibrate.calibrator import AbstractObserver
from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.core.image import InputSpec
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.reference import Reference
from edgequant.recipe.recipe import Rule, parse_recipe
from edgequant.recipe.resolve import resolve
from edgequant.recipe.scheme import Scheme

SPEC = InputSpec(3, 9, 7)  # odd sizes: SAME with a stride of 2 then is not torch's padding of 1
Body = Callable[[Any, torch.Tensor], torch.Tensor]


class Net(nn.Module):
    def __init__(self, body: Body, **parts: nn.Module) -> None:
        super().__init__()
        self.body = body
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(self, x)


def flat(x: torch.Tensor) -> torch.Tensor:
    return torch.flatten(x, 1)


def conv(i: int, o: int, k: int, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(i, o, k, **options)


def same(channels: int = 8) -> nn.Conv2d:
    return conv(3, channels, 3, padding=1)


def head(inputs: int) -> nn.Linear:
    return nn.Linear(inputs, 5)


def residual(activation: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], Net]:
    return lambda: Net(lambda m, x: m.fc(flat(activation(m.c(x) + m.d(x)))), c=same(), d=conv(3, 8, 1), fc=head(504))


def behind_stem(channels: int, out: int, k: int, **options: Any) -> Callable[[], Net]:
    """A convolution behind a first one, before a global mean."""

    def body(m: Any, x: torch.Tensor) -> torch.Tensor:
        return m.fc(m.d(F.relu6(m.c(x))).mean((2, 3)))  # type: ignore[no-any-return]

    return lambda: Net(body, c=same(channels), d=conv(channels, out, k, **options), fc=head(out))


def padded(sides: tuple[int, int, int, int], **options: Any) -> Callable[[], Net]:
    return lambda: Net(
        lambda m, x: m.fc(F.relu(m.c(F.pad(x, sides))).mean((2, 3))), c=conv(3, 8, 3, **options), fc=head(8)
    )


def pooled(pool: Callable[[torch.Tensor], torch.Tensor], values: int) -> Callable[[], Net]:
    return lambda: Net(lambda m, x: m.fc(flat(pool(m.c(x)))), c=same(), fc=head(values))


def excite(m: Any, x: torch.Tensor) -> torch.Tensor:
    """Squeeze and excitation: a product that broadcasts."""
    y = m.c(x)
    return m.fc(flat(y * torch.sigmoid(m.d(F.adaptive_avg_pool2d(y, 1)))))  # type: ignore[no-any-return]


def silu(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = m.c(x)
    return m.fc(flat(y * torch.sigmoid(y)))  # type: ignore[no-any-return]


NETS: dict[str, Callable[[], Net]] = {
    "stride 2, flatten": lambda: Net(
        lambda m, x: m.fc(flat(F.relu6(m.c(x)))), c=conv(3, 8, 3, stride=2, padding=1), fc=head(160)
    ),
    "mean": lambda: Net(lambda m, x: m.fc(F.relu(m.c(x)).mean((2, 3))), c=same(), fc=head(8)),
    "mean, kept dimensions": lambda: Net(
        lambda m, x: m.fc(flat(F.adaptive_avg_pool2d(m.c(x), 1))), c=same(19), fc=head(19)
    ),
    "no biases": lambda: Net(
        lambda m, x: m.fc(m.c(x).mean((2, 3))), c=conv(3, 8, 3, bias=False), fc=nn.Linear(8, 5, bias=False)
    ),
    "linear only": lambda: Net(lambda m, x: m.fc(F.relu(m.g(flat(x)))), g=nn.Linear(189, 16), fc=head(16)),
    "depthwise": behind_stem(12, 12, 3, padding=1, groups=12),
    "depthwise, stride 2, multiplier": behind_stem(4, 12, 3, stride=2, padding=1, groups=4),
    "grouped": behind_stem(8, 12, 3, padding=1, groups=2),
    "dilated": behind_stem(8, 8, 3, padding=2, dilation=2),
    "valid 2x5": behind_stem(8, 6, (2, 5), stride=(1, 2)),  # type: ignore[arg-type]
    "padding 2": behind_stem(8, 8, 3, stride=2, padding=2),
    "pad operator": padded((2, 1, 0, 1), stride=2),
    "pad merged": padded((1, 1, 1, 1), stride=2),
    "pad behind": lambda: Net(lambda m, x: m.fc(F.pad(m.c(x), (2, 1, 0, 1)).mean((2, 3))), c=same(), fc=head(8)),
    "max pool": pooled(lambda x: F.max_pool2d(x, 2), 96),
    "max pool, same": pooled(lambda x: F.max_pool2d(x, 3, 2, 1), 160),
    "average pool": pooled(lambda x: F.avg_pool2d(x, 2), 96),
    "average pool, same": pooled(lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), 160),
    "relu": pooled(lambda x: F.relu(F.max_pool2d(x, 2)), 96),
    "relu6": pooled(lambda x: F.relu6(F.max_pool2d(x, 2)), 96),
    "sigmoid": pooled(torch.sigmoid, 504),
    "add": residual(lambda x: x),
    "add, relu": residual(F.relu),
    "add, relu6": residual(F.relu6),
    "mul": lambda: Net(lambda m, x: m.fc(flat(m.c(x) * m.d(x))), c=same(), d=conv(3, 8, 1), fc=head(504)),
    "cat": lambda: Net(
        lambda m, x: m.fc(flat(torch.cat([m.c(x), m.d(x)], 1))), c=same(), d=conv(3, 3, 1), fc=head(693)
    ),
    "excite": lambda: Net(excite, c=same(), d=conv(8, 8, 1), fc=head(504)),
    "silu": lambda: Net(silu, c=same(), fc=head(504)),
    "softmax": lambda: Net(lambda m, x: torch.softmax(m.fc(flat(m.c(x))), 1), c=same(), fc=head(504)),
}


def net(name: str, gain: float = 2.5) -> Net:
    """With weights large enough that ReLU6 and the grids' ends matter."""
    torch.manual_seed(7)
    module = NETS[name]()
    for parameter in module.parameters():
        parameter.data.mul_(gain)
    return module.eval()


def pixels(count: int, seed: int, spec: InputSpec = SPEC) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, spec.height, spec.width, spec.channels), dtype=np.uint8)


def images(spec: InputSpec = SPEC) -> np.ndarray:
    """(16, C, H, W) float32: the 8 images that calibration saw, then 8 others."""
    return normalise(np.concatenate([pixels(8, 0, spec), pixels(8, 1, spec)]), spec)


@functools.cache
def calibrated(name: str) -> tuple[Captured, dict[str, AbstractObserver]]:
    return calibrate(net(name), SPEC)


def calibrate(module: nn.Module, spec: InputSpec) -> tuple[Captured, dict[str, AbstractObserver]]:
    """Captured, with the min and max of every tensor over 8 images."""
    captured = capture(module, spec, ())
    return captured, collect(captured, [pixels(8, 0, spec)], MinMax(), captured.program.tensors)


def reference(
    network: str | nn.Module,
    recipe: str,
    spec: InputSpec = SPEC,
    target: AbstractBackend | None = None,
    floats: tuple[str, ...] = (),
) -> Reference:
    """Of a network of NETS or any other, by `recipe`; the layers that match `floats` stay in float."""
    captured, seen = calibrated(network) if isinstance(network, str) else calibrate(network, spec)
    rules = tuple(Rule(where, Scheme(None, None, reason="a test")) for where in floats)
    parsed = parse_recipe(recipe)
    chosen = replace(parsed, rules=(*parsed.rules, *rules))
    plan = resolve(captured.program, chosen, "test", (target or LiteRT()).capability)
    return build(captured, plan, {t: seen[t] for t in observed_tensors(captured, plan)})


def lowered(made: Reference, folder: Path, backend: AbstractBackend | None = None) -> Path:
    backend = backend or LiteRT()
    path = folder / f"net{backend.capability.suffix}"
    backend.lower(made, path)
    return path
