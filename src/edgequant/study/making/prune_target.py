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

from ...backends.contract import AbstractBackend
from ...calibrate.collect import collect
from ...calibrate.minmax import MinMax
from ...catalog import BACKENDS
from ...core.errors import BadModel, BadOption
from ...core.progress import AbstractProgress, Tick
from ...graph.capture.capture import capture
from ...graph.deploy import deployed
from ...host.machine import conditions
from ...quantization.build import build, observed_tensors
from ...quantization.size import estimated_bytes
from ...recipe.recipe import Recipe
from ...recipe.resolve import resolve
from ...refine.refiner import Shrinks
from ...store.folder import RunFolder
from .. import keys
from ..prepared import Prepared
from .layer_costs import whole_ms

TRIES = 8  # halvings of what may stay: to half a percent
SEEN = 16  # training images that give the files their ranges, on which neither size nor time depends


def aimed(
    pruner: Shrinks,
    network: Prepared,
    recipe: Recipe,
    target: str,
    run: RunFolder,
    progress: AbstractProgress,
) -> tuple[Shrinks, float]:
    """(the pruner with the largest `keep` whose file has at most `kb` kilobytes, or takes at most `ms`; seconds).

    By halving: both are taken to fall with what is kept, which a latency does but for its noise. Raises BadOption
    where nothing need go, or the target has no runtime to be timed in, and BadModel where no file gets so small.
    """
    backend = BACKENDS.build(target)
    if pruner.ms and not backend.capability.ships:
        raise BadOption(f"prune:ms needs a runtime, and {target} has none. Give prune:kb, or keep.")
    trial = _Trial(pruner, network, recipe, target, backend)
    what = {
        "network": network.key,
        "eager": keys.eager(network.module, network.inputs),
        "prune": keys.component(pruner),
        "recipe": dataclasses.asdict(recipe),
        "target": keys.component(backend),
        **keys.measured(),
    }

    def search(_: Path) -> dict[str, Any]:
        start, before = time.perf_counter(), conditions()
        with progress.task(f"{network.name}: how much stays for {trial.wanted}") as tick:
            return {**trial.search(tick), "conditions": before, "seconds": time.perf_counter() - start}

    found = run.step("prune-target", what, search).value
    progress.say(
        f"  prune: keep={found['keep']:.4g} for {trial.wanted} (untrained: {found['figure']:.4g} {trial.unit})"
    )
    return pruner.keeping(found["keep"]), float(found["seconds"])


@final
@dataclass(frozen=True)
class _Trial:
    """Files of the recipe with so and so much kept, and the one figure that is asked of them."""

    pruner: Shrinks
    network: Prepared
    recipe: Recipe
    target: str
    backend: AbstractBackend

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
        module, inputs = copy.deepcopy(self.network.module), self.network.inputs
        if keep < 1:
            self.pruner.cut(module, inputs, self.network.splits.train, keep)
        plain = capture(module.eval(), inputs, self.network.captured.classes)
        captured = deployed(plain, self.network.captured.deployed)
        plan = resolve(captured.program, self.recipe, self.target, self.backend.capability)
        train = self.network.splits.train
        images = train.take(np.arange(min(SEEN, len(train))))
        tensors = observed_tensors(captured, plan) if self.recipe.kind == "static" else ()
        reference = build(captured, plan, collect(captured, [images], MinMax(), tensors))
        if not self.backend.capability.ships:
            return estimated_bytes(reference) / 1000
        with tempfile.TemporaryDirectory() as folder:
            made = self.backend.lower(reference, Path(folder) / f"tried{self.backend.capability.suffix}")
            return made.bytes / 1000 if self.pruner.kb else self.milliseconds(made.path)

    def milliseconds(self, path: Path) -> float:
        """The median of one image, one thread."""
        times = whole_ms({"file": path}, self.backend, self.network.inputs.shape, lambda _done, _total: None)
        return float(times["file"]["p50"])
