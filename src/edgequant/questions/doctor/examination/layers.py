"""What each layer of a file costs: put back to float in turn, while all else stays quantized. Simulated in float."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ....core.arrays import Array, only
from ....data.calibration.two_sample import ALPHA
from ....graph.program import Step
from ..evidence import LayerFacts
from .twin import FloatTwin

BATCH = 32
Values = dict[str, torch.Tensor]


@torch.inference_mode()
def layer_facts(twin: FloatTwin, x: Array) -> tuple[LayerFacts, ...]:
    """Each layer's weights and the tensor it makes in float, on normalised images `x` (N, C, H, W).

    What comes before a layer is computed once. Empty where the float weights are not known, or where so few answers
    differ that no layer could be found guilty of them.
    """
    if twin.floats is None:
        return ()
    source, sink, layers = twin.program.input, twin.program.only.tensor, list(twin.program.layers)
    batches = [torch.from_numpy(x[at : at + BATCH]) for at in range(0, len(x), BATCH)]
    truth = torch.cat([only(twin.floats(batch)) for batch in batches])
    passes = [_quantized(twin, {source: twin.rounded(source, batch)}) for batch in batches]
    before = torch.cat([values[sink] for values in passes])
    agree = before.argmax(1) == truth.argmax(1)
    # Were every different answer mended by one layer and none spoilt, McNemar's p would be 2 * 0.5^differ: the least
    # that this file can give, times the number of layers that are asked.
    if 2 * 0.5 ** int((~agree).sum()) * len(layers) >= ALPHA:
        return ()
    error, facts = float(((before - truth) ** 2).mean()), []
    for step in layers:
        after = torch.cat([_without(twin, step, values) for values in passes])
        share = 1 - float(((after - truth) ** 2).mean()) / error
        mended = (after.argmax(1) == truth.argmax(1)).numpy()
        facts.append(LayerFacts(step.layer, step.kind, share, mended, agree.numpy()))
    return tuple(facts)


def _without(twin: FloatTwin, spared: Step, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The output with one layer in float, from the values that the quantized network had before it."""
    assert twin.floats is not None
    names = [s.name for s in twin.program.steps]
    known = {name: values[name] for name in (twin.program.input, *names[: names.index(spared.name)])}
    known[spared.name] = twin.floats.run_step(spared, known)
    return _quantized(twin, known)[twin.program.only.tensor]


def _quantized(twin: FloatTwin, values: Values) -> Values:
    """Every tensor that is not among `values` yet, each rounded to its grid."""
    for step in twin.program.steps:
        if step.name not in values:
            values[step.name] = twin.rounded(step.name, twin.stored.run_step(step, values))
    return values
