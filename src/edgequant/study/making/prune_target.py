"""How much of a network stays where its file has a size or a latency to meet: tried on files that nobody trains."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from ...calibrate.collect import collect
from ...calibrate.minmax import MinMax
from ...core.errors import BadModel, BadOption
from ...core.progress import Tick
from ...graph.capture.capture import capture
from ...graph.deploy import deployed
from ...host.machine import conditions
from ...quantization.build import build, observed_tensors
from ...quantization.size import estimated_bytes
from ...recipe.resolve import resolve
from ...refine.refiner import Shrinks
from .. import keys
from ..bench import Bench
from ..plan import Variant
from .layer_costs import whole_ms

TRIES = 8  # halvings of what may stay: to half a percent
SEEN = 16  # training images that give the files their ranges, on which neither size nor time depends


def aimed(bench: Bench, variant: Variant, pruner: Shrinks) -> tuple[Shrinks, float]:
    """(the pruner with the largest `keep` whose file has at most `kb` kilobytes, or takes at most `ms`; seconds).

    By halving: both are taken to fall with what is kept, which a latency does but for its noise. Raises BadOption
    where nothing need go, or the target has no runtime to be timed in, and BadModel where no file gets so small.
    """
    network, backend = variant.network, variant.backend
    if pruner.ms and not backend.capability.ships:
        raise BadOption(f"prune:ms needs a runtime, and {variant.target} has none. Give prune:kb, or keep.")
    trial = _Trial(pruner, variant)
    what = {
        "network": network.key,
        "eager": keys.eager(network.module, network.inputs),
        "prune": keys.component(pruner),
        "recipe": dataclasses.asdict(variant.recipe),
        "target": keys.component(backend),
    }

    def search(_: Path) -> dict[str, Any]:
        start, before = time.perf_counter(), conditions()
        with bench.doing(f"{network.name}: how much stays for {trial.wanted}") as tick:
            return {**trial.search(tick), "conditions": before, "seconds": time.perf_counter() - start}

    found = bench.kept("prune-target", what, search, keys.measured()).value
    bench.say(f"  prune: keep={found['keep']:.4g} for {trial.wanted} (untrained: {found['figure']:.4g} {trial.unit})")
    return pruner.keeping(found["keep"]), float(found["seconds"])


@final
@dataclass(frozen=True)
class _Trial:
    """Files of the variant with so and so much kept, and the one figure that is asked of them."""

    pruner: Shrinks
    variant: Variant

    @property
    def unit(self) -> str:
        return "kB" if self.pruner.kb else "ms"

    @property
    def most(self) -> float:
        return self.pruner.kb or self.pruner.ms

    @property
    def wanted(self) -> str:
        return f"at most {self.most:g} {self.unit}"

    def search(self, tick: Tick) -> dict[str, Any]:
        whole = self.figure(1.0)
        if whole <= self.most:
            raise BadOption(
                f"prune: the file of the whole network has {whole:.4g} {self.unit} already. Leave prune out."
            )
        low, high, best, tried, refusal = 0.0, 1.0, (0.0, 0.0), {1.0: whole}, None
        keep = self.most / whole
        for number in range(TRIES):
            tick(number, TRIES)
            try:
                tried[keep] = self.figure(keep)
            except BadModel as error:  # pruning cannot go so far: more has to stay
                low, refusal = keep, error
            else:
                if tried[keep] <= self.most:
                    low, best = keep, (keep, tried[keep])
                else:
                    high = keep
            keep = (low + high) / 2
        if best[0]:
            return {"keep": best[0], "figure": best[1], "tried": sorted(tried.items())}
        if len(tried) == 1 and refusal:  # of this network nothing can be taken at all, and it says why
            raise refusal
        raise BadModel(
            f"prune: no file of {self.wanted} was found; the smallest has {min(tried.values()):.4g} {self.unit}."
            f" Ask for more, or lower prune's least (now {self.pruner.least:g}) and round_to"
            f" (now {self.pruner.round_to})."
        )

    def figure(self, keep: float) -> float:
        """Kilobytes or milliseconds of the file with `keep` left of the network. Raises BadModel."""
        network, backend = self.variant.network, self.variant.backend
        module, train = copy.deepcopy(network.module), network.splits.train
        if keep < 1:
            self.pruner.cut(module, network.inputs, train, keep)
        plain = capture(module.eval(), network.inputs, network.captured.classes)
        captured = deployed(plain, network.captured.deployed)
        plan = resolve(captured.program, self.variant.recipe, self.variant.target, backend.capability)
        images = train.take(np.arange(min(SEEN, len(train))))
        tensors = observed_tensors(captured, plan) if self.variant.recipe.kind == "static" else ()
        reference = build(captured, plan, collect(captured, [images], MinMax(), tensors))
        if not backend.capability.ships:
            return estimated_bytes(reference) / 1000
        with tempfile.TemporaryDirectory() as folder:
            made = backend.lower(reference, Path(folder) / f"tried{backend.capability.suffix}")
            return made.bytes / 1000 if self.pruner.kb else self.milliseconds(made.path)

    def milliseconds(self, path: Path) -> float:
        """The median of one image, one thread."""
        backend, shape = self.variant.backend, self.variant.network.inputs.shape
        return float(whole_ms({"file": path}, backend, shape, lambda _done, _total: None)["file"]["p50"])
