"""What the tensors of a network were on its calibration images: seen once, and shared by every variant.

Statistics depend on the network, the images and the calibrator; bits and grids come later, when a range is read
from them. So one pass serves all recipes, targets and widths of a network.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...calibrate import store
from ...calibrate.calibrator import AbstractObserver, Restores
from ...calibrate.collect import collect
from ...catalog import CALIBRATORS
from ...core.progress import Tick
from ...data.calibration.checks import check_calibration, warnings
from ...data.dataset import AbstractSplit
from ...graph.program import Captured
from ...quantization.build import observable
from ...refine.branches import balanced
from .. import keys
from ..bench import Bench
from ..plan import Variant
from ..prepared import Prepared
from ..study import Calibration

BATCH = 50
FILE = "statistics.safetensors"

Observers = Mapping[str, AbstractObserver]


def statistics(
    bench: Bench, network: Prepared, calibration: Calibration, captured: Captured, tick: Tick
) -> tuple[Observers, float]:
    """An observer for every tensor whose range may be asked for, and the seconds that the pass over the images took.

    `captured` is `network`'s own, or what refiners made of it before calibration. Kept in the
    run folder, unless the calibrator is one of the user's own that cannot `restore` what its observers saw.
    """
    calibrator: Any = CALIBRATORS.build(calibration.method)
    images = bench.drawn(network, calibration)
    if not isinstance(calibrator, Restores):
        return _see(captured, calibrator, images, tick)

    def work(folder: Path) -> dict[str, Any]:
        observers, seconds = _see(captured, calibrator, images, tick)
        store.save(folder / FILE, observers)  # type: ignore[arg-type]  # what restores can be stored
        return {"seconds": seconds, "images": len(images)}

    inputs = {
        "program": keys.program(captured),
        "data": network.splits.fingerprint,
        "calibrator": keys.component(calibrator),
        "images": {"n": calibration.n, "seed": calibration.seed},
    }
    made = bench.kept("calibrate", inputs, work)
    return store.load(made.folder / FILE, calibrator), float(made.value["seconds"])


def with_branches(
    bench: Bench, variant: Variant, captured: Captured, observers: Observers
) -> tuple[Captured, Observers, Mapping[str, str]]:
    """The network whose branches keep scales of their own (refine/branches.py), its ranges, and a note for each layer.

    Where nothing was short of resolution, what was given.
    """
    other, notes = balanced(captured, variant.plan, observers)
    if other is captured:
        return captured, observers, notes
    calibrator, images = (
        CALIBRATORS.build(variant.calibration.method),
        bench.drawn(variant.network, variant.calibration),
    )
    return other, _see(other, calibrator, images, lambda _, __: None)[0], notes


def checked(bench: Bench, network: Prepared, calibration: Calibration) -> list[dict[str, Any]]:
    """The checks on calibration images, made once for a network and its draw, and said when they are made.

    What is not met is a warning: the variant goes on, and its record and the report say so. Raises BadData where there
    are too few.
    """
    images = bench.drawn(network, calibration)

    def work(_: Path) -> dict[str, Any]:
        found = check_calibration(images, network.splits, network.captured.inputs)
        for line in warnings(found):
            bench.say(f"  note: {line}")
        return {"checks": [dataclasses.asdict(check) for check in found]}

    draw = {"network": network.key, "n": calibration.n, "seed": calibration.seed}
    made: list[dict[str, Any]] = bench.kept("calibration-checks", draw, work).value["checks"]
    return made


def _see(captured: Captured, calibrator: Any, images: AbstractSplit, tick: Tick) -> tuple[Observers, float]:
    start, done = time.perf_counter(), 0

    def count(n: int) -> None:
        nonlocal done
        done += n
        tick(done, len(images))

    batches = (batch for batch, _ in images.batches(BATCH))
    observers = collect(captured, batches, calibrator, observable(captured.program), count)
    return observers, time.perf_counter() - start
