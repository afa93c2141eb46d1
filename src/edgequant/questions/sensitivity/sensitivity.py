"""What quantizing each layer costs: calibrate, ask about every layer, and say which to keep wider."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ...catalog import BACKENDS
from ...core.arrays import Array
from ...core.errors import Unsupported
from ...core.progress import Tick
from ...quantization.reference import Reference
from ...search import engine, fisher
from ...search.forms import FLOAT, alone, together
from ...search.screen import ranking, screen
from ...store.belongings import claim
from ...store.disk import write_json
from ...store.run import Run
from ...study.bench import Bench
from ..inquiry import answered, prepared
from ..layers import FEW, SEED, Subject, subject
from . import rows
from .advice import advise
from .asked import AskedSensitivity
from .rows import Row

TOP = 10
FILE = "sensitivity.csv"


def ask(asked: AskedSensitivity, bench: Bench) -> Run:
    """`results.json`, `sensitivity.json`, `sensitivity.csv`, the report, and what Model Explorer opens."""
    networks, records = prepared(bench), []
    for network in networks:
        about = subject(bench, network, asked.images)
        record = analyse(asked, about, bench)
        records.append(record | {"overlay": overlay(about, record, bench)})
    answer = {"sensitivity": records}
    return answered(bench, networks, answer, {FILE: rows.csv(records), "sensitivity.json": answer})


def analyse(asked: AskedSensitivity, about: Subject, bench: Bench) -> dict[str, Any]:
    """The record of one network: a row for each layer and question, and the recommendation."""
    widths, start = asked.widths(), time.perf_counter()
    references = {bits: about.reference(bits, asked.activation_bits) for bits in widths}
    with bench.doing(f"{about.network.name}: {asked.mode}, {len(about.images)} images") as tick:
        found = ASK[asked.mode](asked, about, references, tick)
    record = {
        "network": about.network.name,
        "data": about.network.data,
        "mode": asked.mode,
        "split": "validation",
        "n": len(about.images),
        "seed": SEED,
        "threshold": asked.threshold,
        "weight_bits": list(widths),
        "activation_bits": asked.activation_bits,
        "seconds": time.perf_counter() - start,
        "rows": found,
    }
    return record | advise(about, references[min(widths)], found)


def overlay(about: Subject, record: Mapping[str, Any], bench: Bench) -> dict[str, Any]:
    """A w8a8 .tflite and the divergence of each layer at the lowest width as node data; or why there is none."""
    from ...backends.tflite.overlay import node_data

    lowest = min(record["weight_bits"])
    path = bench.folder.path / "artifacts" / f"{about.network.name}-w8a8.tflite"
    path.parent.mkdir(exist_ok=True)
    beside = path.with_suffix(".overlay.json")
    claim(path, path.with_suffix(".names.json"), beside)
    try:
        BACKENDS.build("litert").lower(about.reference(8, 8), path)
    except Unsupported as error:
        return {"file": None, "reason": str(error)}
    kl = {row["layer"]: row["kl"] for row in rows.alone(record["rows"], lowest)}
    title = f"KL divergence, each layer alone at w{lowest}a{record['activation_bits']}"
    write_json(beside, node_data(path, kl, title))
    return {"file": f"artifacts/{path.name}", "node_data": f"artifacts/{beside.name}"}


def _exact(asked: AskedSensitivity, about: Subject, references: Mapping[int, Reference], tick: Tick) -> list[Row]:
    """Each layer alone in the float network, all widths in one pass; then, for each width, each layer spared in the
    quantized one.

    Of a layer spared, `drop` is against all quantized (negative: sparing it helps) and `kl` from the float network;
    `kl_saved` is by how much that is less than with all quantized.
    """
    passes = len(references) + 1

    def part(number: int) -> Tick:
        return lambda done, total: tick(number * total + done, passes * total)

    questions = [
        engine.Question(f"{bits}:{step}", step, form)
        for bits, reference in references.items()
        for step, form in alone(reference).items()
    ]
    floats = engine.ask(engine.Engine(about.captured, {}), about.batches(), questions, part(0))
    found, truth = [], floats.base
    for bits in references:
        for step, row in rows.blank(asked, about, bits).items():
            row |= about.compared(truth, truth, floats.scores[f"{bits}:{step}"])
            found.append(row | {"mark": rows.mark(row, asked.threshold)})
    for number, (bits, reference) in enumerate(references.items(), 1):
        spare = [engine.Question(step.name, step.name, FLOAT) for step in about.captured.program.layers]
        spared = engine.ask(engine.Engine(about.captured, together(reference)), about.batches(), spare, part(number))
        every = float(about.kl(truth, spared.base).mean())
        for step, row in rows.blank(asked, about, bits, "spared").items():
            row |= about.compared(truth, spared.base, spared.scores[step])
            found.append(row | {"kl_saved": every - row["kl"]})
    return found


def _screened(asked: AskedSensitivity, about: Subject, references: Mapping[int, Reference], tick: Tick) -> list[Row]:
    """The narrowest width only: the other widths follow its order. No accuracy: most layers saw too few images."""
    bits, reference = min(references.items())
    floats, forms = engine.Engine(about.captured, {}), alone(reference)

    def measure(keys: Sequence[str], first: int, end: int) -> dict[str, Array]:
        asks = [engine.Question(key, key, forms[key]) for key in keys]
        scored = engine.ask(floats, about.batches(first, end), asks, lambda done, total: None)
        tick(end, len(about.images))
        return {key: about.kl(scored.base, scored.scores[key]) for key in keys}

    result = screen(list(forms), len(about.images), TOP, measure)
    found, layers = [], rows.blank(asked, about, bits)
    for step in ranking(result.kl):
        kl, mark = result.kl[step], rows.top(step, result.top)
        found.append(layers[step] | {"kl": float(kl.mean()), "images": len(kl), "mark": mark})
    return found


def _fast(asked: AskedSensitivity, about: Subject, references: Mapping[int, Reference], tick: Tick) -> list[Row]:
    """The divergence alone, predicted from a few passes."""
    batches = about.batches(end=FEW)
    images = sum(map(len, batches))
    forms = {str(bits): alone(reference) for bits, reference in references.items()}
    found = []
    for bits, kl in fisher.scores(about.captured, batches, forms, tick).items():
        first = sorted(kl, key=lambda step: -kl[step])[:TOP]
        for step, row in rows.blank(asked, about, int(bits)).items():
            found.append(row | {"kl": kl[step], "images": images, "mark": rows.top(step, first)})
    return found


ASK = {"exact": _exact, "screened": _screened, "fast": _fast}
