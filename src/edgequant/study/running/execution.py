"""A study's stages in order: networks prepared, variants made and answered, compared, timed, written, rendered."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ...catalog import SECTIONS
from ...core.errors import EdgequantError
from ...core.pixels import described
from ...core.progress import AbstractProgress
from ...data.draw import words
from ...refine.refiner import Shrinks, Trains
from ...report.formats.render import render
from ...store.belongings import belongings, claim
from ...store.disk import write_bytes, write_json
from ...store.folder import RunFolder
from ...store.run import Run
from ...store.surroundings import untested
from .. import results, widths
from ..answering import changes, runtime
from ..answering.against_float import caution
from ..answering.comparison import baseline, compared, on_devices, timed
from ..answering.finished import finish
from ..answering.runtime import Answered
from ..bench import Bench
from ..networks import preprocessing
from ..plan import Variant, plan_variants
from ..prepared import Prepared
from ..record import Record
from ..study import NetworkSpec, Study, to_toml
from .ahead import make_ahead
from .checks import check_calibration_images, check_names, nothing_left
from .draws import draw_notes
from .risks import risks

Prepare = Callable[[Bench, NetworkSpec], Prepared]
Networks = list[tuple[NetworkSpec, Prepared]]


def execute(
    study: Study, out: Path, prepare_one: Prepare, fresh: bool, progress: AbstractProgress, swept: bool = False
) -> Run:
    """All of a study, into `out`. `swept` adds the table and the chart of a sweep.

    Raises EdgequantError where the study cannot be run at all; a variant that fails is recorded and the rest goes on.
    """
    check_names(study)
    new = not os.path.exists(out)  # noqa: PTH110 - False, not an error, for a name too long
    with RunFolder(out, fresh) as folder, belongings(out):
        bench = Bench(study, folder, progress, fresh)
        claim(out / "study.toml")
        write_bytes(out / "study.toml", to_toml(study).encode())
        with nothing_left(folder, new):
            networks = [(spec, prepare_one(bench, spec)) for spec in study.network]
            check_calibration_images(study, networks)
            variants = plan_variants(study, networks)
        _announce(bench, networks, variants)
        failed = make_ahead(bench, networks, variants)
        records = [record.to_json() for record in _measured(bench, variants, failed)]
        where = results.environment(study.seed, results.command(), out)
        found = results.assemble(study, records, where, _notes(study, networks))
        found["preprocessing"] = preprocessing.record(network for _, network in networks)
        found |= widths.record(records, swept)
        found |= changes.pictures(bench, found, variants)
        if "sweep" in found:
            widths.write_csv(out, found)
        claim(out / "results.json")
        write_json(out / "results.json", found)
        finished = Run(found, out)
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


def _announce(bench: Bench, networks: Networks, variants: list[Variant]) -> None:
    """What is to come, and about how long it takes: each variant is simulated once and run once."""
    total = 0.0
    for _, network in networks:
        count = sum(v.network is network for v in variants)
        images = len(bench.judging(network)) + len(network.splits.validation)
        total += runtime.seconds_per_image(network) * images * count * 2 + 6 * count
        bench.say(f"{network.name}: {network.provenance}")
        bench.say(f"{network.name}: sees {described(network.inputs)}")
        if network.splits.note:
            bench.say(f"{network.data}: {network.splits.note}")
    for line in draw_notes(bench.study, networks):
        bench.say(line)
    learned = ", and their trainings on top" * any(
        isinstance(r, Trains | Shrinks) for v in variants for r in v.refiners
    )
    bench.say(f"{len(variants)} variants; about {max(1, round(total / 60))} min{learned} if nothing is cached.")


def _measured(bench: Bench, variants: list[Variant], failed: Mapping[str, EdgequantError]) -> list[Record]:
    """The record of each variant, in order. `failed`: those that workers could not make."""
    records: dict[str, Record] = {}
    answered: list[Answered] = []
    for variant in variants:
        records[variant.id], done = finish(bench, variant, failed.get(variant.id))
        answered += [done] if done else []
    for done in answered:
        name = done.made.variant.id
        records[name] = compared(bench, records[name], done, baseline(done, answered))
    for network in dict.fromkeys(variant.network.key for variant in variants):
        made = [one.made for one in answered if one.made.file and one.made.variant.network.key == network]
        if made:
            records |= timed(bench, records, made)
            records |= on_devices(bench, records, made)
    return list(records.values())
