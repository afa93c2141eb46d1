"""A study's stages in order: networks prepared, variants made and answered, compared, timed, written, rendered."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...catalog import SECTIONS
from ...core.errors import EdgequantError
from ...core.pixels import described
from ...core.progress import AbstractProgress
from ...data.draw import words
from ...report.formats.render import render
from ...store.belongings import belongings, claim
from ...store.disk import write_bytes, write_json
from ...store.folder import RunFolder
from ...store.run import Run
from ...store.surroundings import untested
from .. import results
from .. import widths as bits
from ..answering import changes
from ..answering import runtime as judge
from ..answering.against_float import caution
from ..answering.comparison import baseline, compare, elsewhere, hold_to_promise, time_in_turns
from ..answering.finished import Finished, finish
from ..making.pruned import pruners
from ..making.variant import Variant, plan_variants
from ..networks import preprocessing
from ..plan import trains
from ..prepared import Prepared
from ..study import NetworkSpec, Study, to_toml
from ..widths import write_csv
from .ahead import make_ahead
from .checks import check_calibration_images, check_names, nothing_left
from .draws import draw_notes
from .risks import risks

Prepare = Callable[[NetworkSpec, RunFolder], Prepared]
Networks = list[tuple[NetworkSpec, Prepared]]
Failed = dict[str, EdgequantError]


def execute(
    study: Study, out: Path, prepare_one: Prepare, fresh: bool, progress: AbstractProgress, swept: bool = False
) -> Run:
    """All of a study, into `out`. `swept` adds the table and the chart of a sweep.

    Raises EdgequantError where the study cannot be run at all; a variant that fails is recorded and the rest goes on.
    """
    check_names(study)
    new = not os.path.exists(out)  # noqa: PTH110 - False, not an error, for a name too long
    with RunFolder(out, fresh) as folder, belongings(out):
        claim(out / "study.toml")
        write_bytes(out / "study.toml", to_toml(study).encode())
        with nothing_left(folder, new):
            networks = [(spec, prepare_one(spec, folder)) for spec in study.network]
            check_calibration_images(study, networks)
            variants = plan_variants(study, networks)
        _announce(study, networks, variants, progress)
        failed = make_ahead(study, networks, variants, folder, fresh, progress)
        record = _measure(study, variants, failed, folder, progress)
        where = results.environment(study.seed, results.command(), out)
        found = results.assemble(study, record, where, _notes(study, networks))
        found["preprocessing"] = preprocessing.record(network for _, network in networks)
        found |= bits.record(record, swept)
        found |= changes.pictures(found, variants, study.quick, out)
        return _written(Run(found, out))


def _written(finished: Run) -> Run:
    """The records and the report on disk."""
    if "sweep" in finished.results:
        write_csv(finished.folder, finished.results)
    claim(finished.folder / "results.json")
    write_json(finished.folder / "results.json", finished.results)
    render(finished, [SECTIONS.build(name) for name in SECTIONS])
    return finished


def _notes(study: Study, networks: Networks) -> list[str]:
    """Where the weights came from, how the data were split, what to beware of, and whether all images were used."""
    lines = [f"{n.name} on {n.data}: weights {n.provenance}. {n.splits.note}".strip() for _, n in networks]
    flattered = [f"{n.name} on {n.data}: {told}" for _, n in networks if (told := caution(n))]
    notes = list(
        dict.fromkeys([*lines, *flattered, *draw_notes(study, networks), *risks(study, networks), *untested()])
    )
    if study.quick:
        notes.append(f"--quick: every figure is from {words(study.quick)} of its split only.")
    return notes


def _announce(study: Study, networks: Networks, variants: list[Variant], progress: AbstractProgress) -> None:
    """What is to come, and about how long it takes: each variant is simulated once and run once."""
    total = 0.0
    for _, network in networks:
        count = sum(v.network is network for v in variants)
        images = len(judge.evaluation_split(network, study.quick)) + len(network.splits.validation)
        total += judge.seconds_per_image(network) * images * count * 2 + 6 * count
        progress.say(f"{network.name}: {network.provenance}")
        progress.say(f"{network.name}: sees {described(network.inputs)}")
        if network.splits.note:
            progress.say(f"{network.data}: {network.splits.note}")
    for line in draw_notes(study, networks):
        progress.say(line)
    learned = ", and their trainings on top" * any(trains(v.recipe) or pruners(v.refine) for v in variants)
    progress.say(f"{len(variants)} variants; about {max(1, round(total / 60))} min{learned} if nothing is cached.")


def _measure(
    study: Study, variants: list[Variant], failed: Failed, run: RunFolder, progress: AbstractProgress
) -> list[dict[str, Any]]:
    """The record of each variant, in order. `failed`: those that workers could not make."""
    records: list[dict[str, Any]] = []
    finished: dict[str, Finished] = {}
    for variant in variants:
        record, done = finish(variant, study, run, progress, failed.get(variant.id))
        records.append(record)
        if done:
            finished[variant.id] = done
    for done in finished.values():
        compare(done, baseline(done, finished), study)
        hold_to_promise(done, study, run, progress)
    for network in dict.fromkeys(v.network.key for v in variants):
        of_it = {k: d for k, d in finished.items() if d.variant.network.key == network and d.record["file"]}
        time_in_turns(of_it, run, progress)
        elsewhere(of_it, study, run, progress)
    return records
