"""How much each layer's error moves the answer, for all layers from a few passes (second order).

An error `d` in a layer's output moves the scores by `J d`; the divergence of the answer is then, to second order,
`KL = 1/2 (J d)^T F (J d)` with `F = diag(p) - p p^T`, the Fisher information of the softmax (Martens, "New insights
and perspectives on the natural gradient method", 2020, section 5). `F = L L^T` with `L = diag(sqrt p) - p sqrt(p)^T`,
so for a random vector u of independent signs `E[(d . J^T L u)^2] = (J d)^T F (J d)`, and `J^T L u` is what one
backward pass gives, for every layer at once. `d` is the layer's own: its output quantized alone, less its float output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ..core.arrays import Array
from ..core.progress import Tick
from ..graph.program import Captured
from .divergence import log_probabilities
from .engine import Engine, channels_last
from .forms import Form

PASSES = 2  # backward passes a batch
SEED = 0  # of the random vectors


def scores(
    captured: Captured,
    batches: Sequence[torch.Tensor],
    forms: Mapping[str, Mapping[str, Form]],
    tick: Tick,
    passes: int = PASSES,
) -> dict[str, dict[str, float]]:
    """Name of a set of forms -> layer (step) -> predicted KL in nats, mean over the images.

    `forms` maps names to the forms of the layers quantized alone (`forms.alone`).
    """
    engine, random = Engine(captured, {}), torch.Generator().manual_seed(SEED)
    found: dict[str, dict[str, list[Array]]] = {name: {step: [] for step in one} for name, one in forms.items()}
    for number, x in enumerate(batches):
        values, gradients = _backward(captured, channels_last(x).clone(), passes, random)
        with torch.inference_mode():
            for name, one in forms.items():
                for step, form in one.items():
                    d = engine.run(engine.affected[step][0], values, form) - values[step]
                    along = torch.stack([(d * g).flatten(1).sum(1) for g in gradients[step]])  # d . J^T L u, by pass
                    found[name][step].append((along.double().square().mean(0) / 2).numpy())
        tick(number + 1, len(batches))
    return {n: {s: float(np.concatenate(parts).mean()) for s, parts in one.items()} for n, one in found.items()}


def _backward(
    captured: Captured, x: torch.Tensor, passes: int, random: torch.Generator
) -> tuple[dict[str, torch.Tensor], dict[str, list[torch.Tensor]]]:
    """All float tensors, and for each layer's output the gradients `J^T L u` of `passes` random vectors u.

    The Jacobian of the log softmax is `I - 1 p^T`, so its transpose makes of `sqrt(p) u` the vector `L u`: what the
    gradient of `sum(log p * sqrt(p) u)` starts from at the scores.
    """
    program, network = captured.program, captured.network
    values = {program.input: x.requires_grad_()}
    for step in program.steps:
        values[step.name] = network.run_step(step, values)
    layers = [step.name for step in program.layers]
    logs = log_probabilities(values[program.only.tensor], program)
    p = logs.detach().exp()
    gradients: dict[str, list[torch.Tensor]] = {name: [] for name in layers}
    for last in reversed(range(passes)):
        signs = torch.randint(0, 2, p.shape, generator=random).double() * 2 - 1
        made = torch.autograd.grad(
            (logs * (p.sqrt() * signs)).sum(), [values[n] for n in layers], retain_graph=last > 0
        )
        for name, gradient in zip(layers, made):
            gradients[name].append(gradient)
    return {name: value.detach() for name, value in values.items()}, gradients
