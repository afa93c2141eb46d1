"""The float network before anything is made of it: does it answer at all, and is it fed the pixels it was trained on?

With labels at hand, a class-balanced draw of validation images is answered by the captured float network as it is fed,
and as it would be under each usual preprocessing. Two findings stop the run. One of these answers far better: at least
5 points, and McNemar's exact test says p < 0.001 on the same images. Or the network is at chance: its right answers
are no more than guessing gives (binomial test), and the upper end of their interval is nearer chance than all right.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from ...core.arrays import Array, only
from ...core.errors import BadModel
from ...core.image import InputSpec
from ...core.pixels import described, usual
from ...core.preprocess import normalise
from ...data.dataset import AbstractSplit, Splits
from ...data.draw import calibration_subset
from ...graph.program import Captured
from ...tasks.statistics import mcnemar, wilson
from ..bench import Bench
from .weights import Weighed

if TYPE_CHECKING:
    from ..prepared import Prepared

SEED = 2718  # of the draw; it never changes
MOST, FEWEST = 400, 64  # images
BUDGET = 2e11  # multiplications that all ways together may cost: seconds on one core
FIRST = 4  # of each way a quarter of the images first; the rest only where it answers better on these
LOOKED = 16  # images of a network that is not tried: for values that are no numbers
ENOUGH = 0.95  # of the images right: no other way can be 5 points better
POINTS, ALPHA = 5.0, 1e-3
CHANCE = 0.05  # level of the test against guessing
BATCH = 16
COLOURS = 3
ORDERS: tuple[Literal["rgb", "bgr"], ...] = ("rgb", "bgr")


def look(bench: Bench, weighed: Weighed, splits: Splits, key: str) -> Found:
    """What the float network answers on validation images; where others are tried, a step of the run folder, named by
    the network's `key`.

    They are tried where the weights were given, so that nothing but this says whether pixels and weights belong
    together. {"stated", "images", "finite", "top1", "hits", "chance", "tried"}: see `_measured`.
    """
    plain = weighed.captured
    tried = weighed.given and splits.validation.labels is not None and len(splits.classes) > 1
    if not tried:  # a few images, sooner looked at again than kept
        return _measured(plain, splits, tried)
    with bench.doing("the float network, as it is fed") as tick:
        made = bench.kept("preprocessing", {"network": key}, lambda _: _measured(plain, splits, tried))
        tick(1, 1)
    return made.value


Found = dict[str, Any]


def record(networks: Iterable[Prepared]) -> list[Found]:
    """For results.json: of each network how it is fed, and what was tried."""
    return [{"network": one.name, "data": one.data, **one.looked} for one in networks]


def check(found: Found, what: str) -> None:
    """Raises BadModel with what was measured, and what to type: NaN, other pixels, or chance."""
    if not found["finite"]:
        raise BadModel(
            f"{what} gives NaN or infinite scores on validation images. Expected numbers: check its weights, and that"
            f" it is fed as it was trained ({found['stated']}): --mean, --std, --channels."
        )
    better = [way for way in found["tried"] if way["far_better"]]
    best = max(better, key=lambda way: float(way["top1"])) if better else None
    knows = best is not None and wilson(round(best["top1"] * best["images"]), best["images"])[1] >= 0.5
    if best is not None and (knows or not found["at_chance"]):
        raise BadModel(
            f"{what} answers {found['top1']:.2%} of {found['images']} validation images right as it is fed"
            f" ({found['stated']}), and {best['top1']:.2%} with {best['name']} (p < {ALPHA:g}). Expected the pixels"
            f" that it was trained on. Type {best['type']}, in place of what was stated."
        )
    if found["at_chance"]:
        other = f"; the best of the usual ones is {best['type']}, with {best['top1']:.2%}" if best else ""
        raise BadModel(
            f"{what} answers {found['top1']:.2%} of {found['images']} validation images right in float32, and guessing"
            f" gives {found['chance']:.2%}. Expected a network that was trained for these classes: check its weights"
            f" (--weights FILE), the order of the classes, and the pixels (--mean, --std, --channels; it is fed"
            f" {found['stated']}{other}). To go on with weights that know nothing, say --weights random."
        )


def _measured(plain: Captured, splits: Splits, tried: bool) -> Found:
    """`tried`: a list of {"name", "type", "mean", "std", "channels", "images", "top1", "p", "far_better"}."""
    split = _drawn(splits.validation, count(plain) if tried else LOOKED)
    images = split.take(np.arange(len(split)))
    scores = _scores(plain, images, plain.inputs)
    found = {"stated": described(plain.inputs), "images": len(images), "finite": bool(np.isfinite(scores).all())}
    nothing: Found = {"top1": None, "hits": None, "chance": None, "at_chance": False, "tried": []}
    if not tried or split.labels is None or not found["finite"]:
        return {**found, **nothing}
    hits = scores.argmax(1) == split.labels
    chance = max(1 / len(splits.classes), float(np.bincount(split.labels).max()) / len(hits))
    ways = [] if hits.mean() > ENOUGH else _others_tried(plain, images, split.labels, hits)
    measured = {"top1": float(hits.mean()), "hits": int(hits.sum()), "chance": chance}
    return {**found, **measured, "at_chance": at_chance(int(hits.sum()), len(hits), chance), "tried": ways}


def at_chance(hits: int, n: int, chance: float) -> bool:
    """Whether `hits` of `n` are no more than guessing gives, and n is large enough to say so."""
    from scipy.stats import binomtest

    above = binomtest(hits, n, chance, alternative="greater").pvalue < CHANCE
    return bool(not above and wilson(hits, n)[1] < (1 + chance) / 2)


def count(plain: Captured) -> int:
    """How many images each way of a network is tried on: fewer where an image costs more. Depends on no clock."""
    macs = sum(
        plain.network.layer(step.layer).weight[0].numel() * math.prod(step.shape)
        for step in plain.program.steps
        if step.weighted
    )
    ways = 1 + len(_others(plain)) / FIRST
    return int(min(MOST, max(FEWEST, BUDGET / (ways * max(macs, 1)))))


def _drawn(split: AbstractSplit, n: int) -> AbstractSplit:
    return calibration_subset(split, min(n, len(split)), SEED, allow_few=True)


def _others(plain: Captured) -> dict[InputSpec, str]:
    """The usual ways to feed a network of as many channels, and what to type for each. The stated mean and std are
    tried in the other order too, each with its colour.
    """
    stated, coloured = plain.inputs, plain.inputs.channels == COLOURS
    ways: dict[InputSpec, str] = {}
    for order in ORDERS if coloured else ORDERS[:1]:
        turned = dataclasses.replace(stated, order=order)
        for name, (mean, std) in usual(turned).items():
            quoted = f"'{name}'" if "(" in name else name
            typed = f"--mean {quoted}" + f" --channels {order}" * coloured
            ways.setdefault(dataclasses.replace(turned, mean=mean, std=std), typed)
        step = 1 if order == stated.order else -1
        own = dataclasses.replace(turned, mean=stated.mean[::step], std=stated.std[::step])
        ways.setdefault(own, _typed(own))
    del ways[stated]
    return ways


def _typed(spec: InputSpec) -> str:
    mean, std = (",".join(f"{v:.6g}" for v in values) for values in (spec.mean, spec.std))
    return f"--mean {mean} --std {std} --channels {spec.order}"


def _others_tried(plain: Captured, images: Array, labels: Array, hits: Array) -> list[Found]:
    """Each other way against the stated one, of whose answers `hits` are right. Its first images decide whether it sees
    the rest."""
    found, first = [], max(1, len(images) // FIRST)
    for spec, typed in _others(plain).items():
        right = _scores(plain, images[:first], spec).argmax(1) == labels[:first]
        if right.sum() > hits[:first].sum():
            right = np.concatenate([right, _scores(plain, images[first:], spec).argmax(1) == labels[first:]])
        n, p = len(right), mcnemar(hits[: len(right)], right)
        gained = 100 * float(right.mean() - hits[:n].mean())
        found.append(
            {
                "name": described(spec).partition(", images of")[0].partition(" ")[2],
                "type": typed,
                "mean": list(spec.mean),
                "std": list(spec.std),
                "channels": spec.colours,
                "images": n,
                "top1": float(right.mean()),
                "p": p,
                "far_better": n == len(images) and gained >= POINTS and p < ALPHA,
            }
        )
    return found


def _scores(plain: Captured, images: Array, spec: InputSpec) -> Array:
    """(n, classes) of the float network, fed as `spec` says."""
    parts = []
    with torch.inference_mode():
        for at in range(0, len(images), BATCH):
            x = torch.from_numpy(normalise(images[at : at + BATCH], spec))
            parts.append(only(plain.network(x.contiguous(memory_format=torch.channels_last))).numpy())
    return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
