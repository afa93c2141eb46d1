"""A refiner's work is done once for every target that starts from the same integers."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS
from edgequant.core.progress import Silent
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.reference import Reference
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve
from edgequant.refine.adaround import AdaRound
from edgequant.refine.bias_correct import BiasCorrect
from edgequant.refine.refiner import Corrects
from edgequant.refine.walk import FLOAT_BIAS
from edgequant.store.folder import RunFolder
from edgequant.study.making.refined import refined
from edgequant.study.plan import Variant
from edgequant.study.prepared import Prepared
from pipeline_samples import HUNDRED, bench, prepared, variant

CALLS: list[int] = []  # not read by the refiner: what its code reads is in its key


@final
@dataclass(frozen=True)
class Counted(Corrects):
    """Does nothing, or flips a weight's sign, and counts."""

    flip: bool = False

    def reference(self, reference: Reference, images: Any, tick: Any) -> Reference:  # noqa: ARG002
        tick(1, 1)
        if not self.flip:
            return reference
        weights = {n: replace(w, q=-w.q) for n, w in reference.weights.items()}
        return replace(reference, weights=weights)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepared(tmp_path_factory.mktemp("network"))


def reference(network: Prepared, target: str = "litert", recipe: str = "w4a8-all") -> Reference:
    captured = network.captured
    plan = resolve(captured.program, parse_recipe(recipe), target, BACKENDS.build(target).capability)
    images = network.splits.train.take(np.arange(20))
    return build(captured, plan, collect(captured, [images], MinMax(), observed_tensors(captured, plan)))


class Ticking(Silent):
    """Counts what ticks."""

    def task(self, text: str) -> Any:  # noqa: ARG002
        return nullcontext(lambda *_: CALLS.append(1))


def refining(network: Prepared, refiner: Corrects) -> Variant:
    """A variant with this very refiner."""
    one = variant(network, "w8a8+one")
    object.__setattr__(one, "refiners", (refiner,))
    return one


def again(refiner: Corrects, start: Reference, network: Prepared, folder: Path) -> Reference:
    with RunFolder(folder) as run:
        return refined(bench(run, Ticking()), refining(network, refiner), 0, start)[0]


def same(a: Reference, b: Reference) -> bool:
    layers = [s.layer for s in a.captured.program.layers]
    biases = [(a.captured.network.layer(n).bias, b.captured.network.layer(n).bias) for n in layers]
    weights = all(torch.equal(a.weights[n].q, b.weights[n].q) for n in a.weights)
    return weights and all(torch.equal(*pair) for pair in biases) and a.layers == b.layers


def test_two_targets_share_it(network: Prepared, tmp_path: Path) -> None:
    CALLS.clear()
    found = [again(Counted(True), reference(network, t), network, tmp_path) for t in ("litert", "onnxruntime")]
    assert len(CALLS) == 1 and same(*found)
    assert not same(found[0], reference(network))


def test_other_integers_options_or_images_do_not(network: Prepared, tmp_path: Path) -> None:
    CALLS.clear()
    for refiner, recipe in ((Counted(), "w4a8-all"), (Counted(True), "w4a8-all"), (Counted(), "w8a8")):
        again(refiner, reference(network, recipe=recipe), network, tmp_path)
    assert len(CALLS) == 3


def test_one_that_changes_nothing_gives_back_what_it_got(network: Prepared, tmp_path: Path) -> None:
    start = reference(network)
    assert again(Counted(), start, network, tmp_path) is start and again(Counted(), start, network, tmp_path) is start


def test_a_kept_correction_is_what_the_next_refiner_would_have_seen(network: Prepared, tmp_path: Path) -> None:
    """The float network under a corrected one is kept too: AdaRound behind it learns from the same targets."""
    quiet = lambda done, total: None  # noqa: E731
    with RunFolder(tmp_path) as run:
        one = refining(network, BiasCorrect())
        images = bench(run).drawn(network, HUNDRED).take(np.arange(100))
        direct = BiasCorrect().reference(reference(network), images, quiet)
        kept, _ = refined(bench(run), one, 0, reference(network))
    assert same(direct, kept)
    for step in kept.captured.program.layers:
        before, after = (getattr(r.captured.network.layer(step.layer), FLOAT_BIAS) for r in (direct, kept))
        assert torch.equal(before, after)
    rounder = AdaRound(iterations=20)
    assert same(rounder.reference(direct, images, quiet), rounder.reference(kept, images, quiet))
