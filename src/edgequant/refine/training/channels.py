"""Structured pruning: whole channels go, and what is left is an ordinary smaller network.

Which channels hang together (residual adds, concatenations, depthwise convolutions) is found by torch-pruning's
dependency graphs (Fang et al., "DepGraph: Towards Any Structural Pruning", 2023, arXiv:2301.12900). Scores of a group:
`magnitude`, the L2 norm of its weights (Li et al., 2017, arXiv:1608.08710); `taylor`, the first-order change of the
loss (Molchanov et al., 2019, arXiv:1906.10771); `bn`, the BatchNorm scales (Liu et al., 2017, arXiv:1708.06519).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import nn

from ...core.errors import BadModel, BadOption
from ...core.registry import unknown

IMPORTANCES = ("magnitude", "taylor", "bn")
MEASURES = ("params", "macs", "channels")
SCOPES = ("global", "layer")
SPARES = ("nothing", "bottlenecks")
INCREMENTS = 100  # steps from nothing pruned to everything: how finely a target is met
History = list[Any]  # torch-pruning's: (module name, of its outputs?, [channels])


@final
@dataclass(frozen=True)
class Pruning:
    """How much goes, and by what it is chosen."""

    keep: float = 0.5  # of what `measure` counts
    measure: str = "params"
    importance: str = "magnitude"
    scope: str = "global"  # one ranking of all channels; `layer`: the same share of each
    round_to: int = 8  # channels stay a multiple of this: vector units take eight at a time
    least: float = 0.1  # of the channels of each layer, at least so many stay
    spare: str = "nothing"  # `bottlenecks`: layers with fewer channels out than in, what they are added to, the first

    def __post_init__(self) -> None:
        for field, known in (("measure", MEASURES), ("importance", IMPORTANCES), ("scope", SCOPES), ("spare", SPARES)):
            if getattr(self, field) not in known:
                raise BadOption(f"prune: {unknown(field, getattr(self, field), known)}")
        if not (0 < self.keep < 1 and 0 < self.least < 1 and self.round_to >= 1):
            raise BadOption(
                f"prune takes 0 < keep < 1, 0 < least < 1 and round_to of 1 or more. Got keep={self.keep:g},"
                f" least={self.least:g}, round_to={self.round_to}."
            )


def shrink(
    module: nn.Module,
    shape: tuple[int, int, int],
    options: Pruning,
    keep: float,
    loss: Callable[[nn.Module], torch.Tensor] | None = None,
) -> History:
    """Take channels out of `module`, in place, until `keep` of the measure is left. Returns what `rebuild` repeats.

    `shape` is (C, H, W). `loss(module)` is the loss on some training batches, for the importance `taylor` alone.
    `keep` may be above the options': pruning in steps, with training between them, comes to that in the end. The
    channels in and the scores out stay. Raises BadModel where the network cannot be traced, or cannot get so small.
    """
    pruner = _pruner(module, shape, options)
    whole, before = count(module, shape, options.measure), -1.0
    while count(module, shape, options.measure) > keep * whole:
        left = count(module, shape, options.measure)
        if left == before and pruner.current_step >= INCREMENTS:
            raise BadModel(
                f"Pruning stopped at {left / whole:.0%} of the {options.measure}, and {keep:.0%} was asked for."
                f" Lower prune's least (now {options.least:g}) or round_to (now {options.round_to}), or raise keep."
            )
        before = left
        if options.importance == "taylor":
            if loss is None:
                raise BadOption(
                    "prune's importance 'taylor' needs labelled training images. Write importance=magnitude."
                )
            module.zero_grad(set_to_none=True)
            loss(module).backward()  # type: ignore[no-untyped-call]
        pruner.step()
    module.zero_grad(set_to_none=True)
    history: History = pruner.pruning_history()
    return history


def rebuild(module: nn.Module, shape: tuple[int, int, int], history: History) -> None:
    """Take the same channels out of a fresh network of the same architecture, in place; weights come from a file."""
    if history:
        _graph(module, shape).load_pruning_history(history)


def count(module: nn.Module, shape: tuple[int, int, int], measure: str) -> float:
    """Parameters, multiply-adds of one image, or output channels of all convolutions and dense layers."""
    import torch_pruning as tp

    if measure == "channels":
        return float(sum(m.weight.shape[0] for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)))
    macs, parameters = tp.utils.count_ops_and_params(module, torch.zeros(1, *shape, device=_device(module)))
    return float(parameters if measure == "params" else macs)


def _pruner(module: nn.Module, shape: tuple[int, int, int], options: Pruning) -> Any:
    import torch_pruning as tp

    importance = {
        "magnitude": tp.importance.GroupMagnitudeImportance,
        "taylor": tp.importance.GroupTaylorImportance,
        "bn": tp.importance.BNScaleImportance,
    }
    _graph(module, shape)  # refuses what cannot be traced, in one line
    return tp.pruner.BasePruner(
        module.eval(),
        torch.zeros(1, *shape, device=_device(module)),
        importance=importance[options.importance](),
        global_pruning=options.scope == "global",
        pruning_ratio=1.0,
        max_pruning_ratio=1 - options.least,
        iterative_steps=INCREMENTS,
        iterative_pruning_ratio_scheduler=lambda ratio, steps: (
            [ratio * step / steps for step in range(steps + 1)] + [ratio] * INCREMENTS
        ),
        round_to=options.round_to,
        ignored_layers=[last_layer(module, shape), *_spared(module, options.spare)],
    )


def _spared(module: nn.Module, spare: str) -> list[nn.Module]:
    """Layers whose outputs stay, and with them all that is added to these.

    Inverted residuals carry what they know between their bottlenecks (Sandler et al., 2018, arXiv:1801.04381, section
    3.2): a channel that goes there is missing everywhere after.
    """
    if spare == "nothing":
        return []
    convolutions = [m for m in module.modules() if isinstance(m, nn.Conv2d)]
    return [m for m in convolutions if m.out_channels < m.in_channels or m is convolutions[0]]


def _graph(module: nn.Module, shape: tuple[int, int, int]) -> Any:
    import torch_pruning as tp

    try:
        return tp.DependencyGraph().build_dependency(module, torch.zeros(1, *shape, device=_device(module)))
    except Exception as error:  # whatever a module of the user's own does when it is traced
        raise BadModel(
            f"{type(module).__name__} cannot be pruned: {' '.join(str(error).split())}. Expected a network whose"
            " channels can be followed from layer to layer. Leave prune out of the recipe."
        ) from error


def last_layer(module: nn.Module, shape: tuple[int, int, int]) -> nn.Module:
    """The layer that makes the scores: the last with weights to run. Its outputs are the classes, and stay."""
    ran: list[nn.Module] = []
    hooks = [
        m.register_forward_hook(lambda m, _i, _o: ran.append(m))
        for m in module.modules()
        if isinstance(m, nn.Conv2d | nn.Linear)
    ]
    training = module.training
    with torch.no_grad():
        module.eval()(torch.zeros(1, *shape, device=_device(module)))
    module.train(training)
    for hook in hooks:
        hook.remove()
    if not ran:
        raise BadModel(f"{type(module).__name__} has no convolution or dense layer, so there is nothing to prune.")
    return ran[-1]


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters(), torch.empty(0)).device
