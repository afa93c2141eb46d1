"""One network under search: scores, measured costs, an integer program, and checks on validation images."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...backends.contract import AbstractBackend
from ...catalog import BACKENDS
from ...core.errors import BadOption, Unsupported
from ...core.progress import AbstractProgress
from ...measure.latency import ratio
from ...quantization.build import build
from ...quantization.reference import Reference
from ...quantization.size import estimated_bytes
from ...recipe.resolve import resolve
from ...recipe.write import recipe_file, recipe_of
from ...search import allocate, engine, fisher
from ...search.allocate import Choice, Option
from ...search.forms import alone, together
from ...store.belongings import claim
from ...store.disk import write_bytes
from ...store.folder import RunFolder
from ...study.making.layer_costs import layer_bytes, layer_ms, whole_ms
from ...study.networks.float_first import unfit
from ..layers import SEED, Subject, run_engine
from ..sensitivity import rows
from ..sensitivity.asked import FAST_IMAGES
from .asked import Asked, budget, parse_schemes, recorded

FRONT = 7  # budgets on the Pareto front
STEPS = 4  # measured refinements
ALIGNMENT = 16  # bytes: what a packed weight may be padded by in a file


class Searching:
    """One network under search. `names[0]` is the scheme that the others are compared with."""

    def __init__(
        self, asked: Asked, about: Subject, folder: RunFolder, progress: AbstractProgress, recipe: str = ""
    ) -> None:
        """`recipe`: the recipe file's name without its ending, where it is not `asked.name`."""
        self.asked, self.about, self.folder, self.progress = asked, about, folder, progress
        self.backend: AbstractBackend = BACKENDS.build(asked.target)
        self.names, self.recipe = parse_schemes(asked), recipe or asked.name
        self.captured = about.network.captured
        self.layers = [step.layer for step in self.captured.program.layers]
        self.references = {name: self.reference(dict.fromkeys(self.layers, name)) for name in self.names}
        self.base = dict.fromkeys(self.layers, self.names[0])
        self.measured: dict[tuple[str, ...], dict[str, Any]] = {}

    def answer(self) -> dict[str, Any]:
        """Scores, costs, the front, the choice, its file."""
        self.truth = run_engine(engine.Engine(self.captured, {}), self.about)
        self.times = self._times()
        self.options = self._options()
        self.folder.path.joinpath("artifacts").mkdir(exist_ok=True)
        self.whole = self._lowered(self.base, self.names[0])
        limits = self._limits()
        front = [self.measure(choice) for choice in allocate.front(self.options, FRONT, limits[1])]
        chosen, made = self._fitting(*limits)
        return self._record(front, chosen, made)

    # Costs

    def reference(self, choice: Choice) -> Reference:
        """Raises Unsupported where the target has no kernel for it."""
        recipe = recipe_of(self.asked.name, f"{self.names[0]}-all", self._others(choice))
        plan = resolve(self.captured.program, recipe, self.asked.target, self.backend.capability)
        return build(self.captured, plan, self.about.observers)

    def _others(self, choice: Choice) -> Choice:
        """The layers that have another scheme than the first."""
        return {layer: scheme for layer, scheme in choice.items() if scheme != self.names[0]}

    def _write(self, choice: Choice) -> str:
        """The recipe file, for `edgequant quantize --recipe`; its path in the run folder."""
        name, about = f"artifacts/{self.recipe}.toml", self.about.network
        note = f"Made by edgequant search for {about.name} on {about.data}, target {self.asked.target}."
        claim(self.folder.path / name)
        write_bytes(self.folder.path / name, recipe_file(f"{self.names[0]}-all", self._others(choice), note).encode())
        return name

    def _times(self) -> dict[str, dict[str, float]]:
        if not self.backend.capability.ships:
            return {}
        with self.progress.task(f"{self.about.network.name}: timing layers") as tick:
            return layer_ms(self.references, self.backend, tick)

    def _options(self) -> dict[str, list[Option]]:
        harm, size = self._harm(), {name: layer_bytes(r) for name, r in self.references.items()}
        found: dict[str, list[Option]] = {}
        for layer in self.layers:
            times = self.times.get(layer, dict.fromkeys(self.names, 0.0))
            found[layer] = [
                Option(name, size[name][layer], times[name], harm[name][layer]) for name in self.names if name in times
            ]
            if self.names[0] not in times:
                raise Unsupported(
                    f"{self.asked.target} cannot run the layer {layer} at {self.names[0]}. Give another --schemes."
                )
        return found

    def _harm(self) -> dict[str, dict[str, float]]:
        """Scheme -> layer -> nats: as `edgequant sensitivity` measured them, or the fast scores."""
        if self.asked.sensitivity:
            about = self.about.network
            return {n: recorded(self.asked.sensitivity, about.name, about.data, n, self.layers) for n in self.names}
        forms = {name: alone(self.references[name]) for name in self.names if name != "float"}
        images = engine.batches(self.about.images[:FAST_IMAGES], engine.batch_size(self.captured))
        with self.progress.task(f"{self.about.network.name}: scoring layers") as tick:
            scores = fisher.scores(self.captured, images, forms, tick, seed=SEED)
        steps = {step.layer: step.name for step in self.captured.program.layers}
        zero = dict.fromkeys(self.layers, 0.0)
        return {n: {la: scores[n][steps[la]] for la in self.layers} if n in scores else zero for n in self.names}

    def _limits(self) -> tuple[float, float]:
        """(bytes, milliseconds) of all layers together; infinite where nothing was said. Raises BadOption."""
        base = {key: allocate.total(self.options, self.base, key) for key in ("bytes", "ms")}
        size, ms = self.whole["bytes"], (self.whole["ms"] or {}).get("p50", base["ms"])
        most_bytes = budget(self.asked.max_bytes, "--max-bytes", size)
        most_ms = budget(self.asked.max_ms, "--max-ms", ms)
        if self.asked.max_ms and not self.times:
            raise BadOption(
                f"{self.asked.target} runs nothing, so it has no latency. Leave out --max-ms, or give --target litert."
            )
        padding = ALIGNMENT * len(self.layers) if self.backend.capability.ships else 0
        return base["bytes"] + most_bytes - size - padding, base["ms"] + most_ms - ms

    # Choices

    def measure(self, choice: Choice) -> dict[str, Any]:
        """What a choice is predicted to cost, and what it does to the answers: simulated on the validation images."""
        key = tuple(choice[layer] for layer in self.layers)
        if key not in self.measured:
            scores = run_engine(engine.Engine(self.captured, together(self.reference(choice))), self.about)
            figures = rows.figures(self.about, self.truth, scores)
            self.measured[key] = self._predicted(choice) | figures | {"choice": choice}
        return self.measured[key]

    def _predicted(self, choice: Choice) -> dict[str, Any]:
        base = {key: allocate.total(self.options, self.base, key) for key in ("bytes", "ms")}
        here = {key: allocate.total(self.options, choice, key) for key in ("bytes", "ms", "harm")}
        ms = self.whole["ms"]["p50"] + here["ms"] - base["ms"] if self.whole["ms"] else None
        narrow = sum(scheme != self.names[0] for scheme in choice.values())
        return {
            "bytes": self.whole["bytes"] + here["bytes"] - base["bytes"],
            "ms": ms,
            "harm": here["harm"],
            "narrow": narrow,
        }

    def _choose(self, most_bytes: float, most_ms: float) -> Choice:
        """Within the budgets; where accuracy is one, the fewest bytes that keep it. Raises BadOption."""
        if math.isinf(self.asked.drop):
            return self._refined(self._solve(self.options, most_bytes, most_ms), most_bytes, most_ms)
        ends = (allocate.allocate(self.options, max_ms=most_ms, minimise="bytes"), self.base)
        low = allocate.total(self.options, ends[0], "bytes") if ends[0] else 0.0
        high = min(most_bytes, allocate.total(self.options, self.base, "bytes"))
        best = self._solve(self.options, high, most_ms)
        for _ in range(STEPS + 2):  # bisection: a sixty-fourth of the range
            middle = self._solve(self.options, (low + high) / 2, most_ms)
            if self._kept(middle):
                best, high = middle, (low + high) / 2
            else:
                low = (low + high) / 2
        return best

    def _fitting(self, most_bytes: float, most_ms: float) -> tuple[Choice, dict[str, Any]]:
        """A choice whose real file keeps the budget of bytes: sums over layers may miss what neighbours share."""
        most = budget(self.asked.max_bytes, "--max-bytes", self.whole["bytes"])
        while True:
            chosen = self._choose(most_bytes, most_ms)
            made = self.whole if chosen == self.base else self._lowered(chosen, self.asked.name)
            if made["bytes"] <= most:
                return chosen, made
            most_bytes = min(most_bytes, allocate.total(self.options, chosen, "bytes")) - (made["bytes"] - most)

    def _kept(self, choice: Choice) -> bool:
        """Whether it loses no more than was allowed, below the first scheme everywhere."""
        found, base = self.measure(choice), self.measure(self.base)
        if found["top1"] is None:
            raise BadOption(
                "The images have no labels, so no drop can be kept. Give --max-bytes in place of --max-drop."
            )
        return bool(100 * (base["top1"] - found["top1"]) <= self.asked.drop)

    def _solve(self, options: allocate.Options, most_bytes: float, most_ms: float) -> Choice:
        found = allocate.allocate(options, most_bytes, most_ms)
        if found is None:
            raise BadOption(
                f"No mix of {', '.join(self.names)} keeps --max-bytes {self.asked.max_bytes or 'unlimited'} and"
                f" --max-ms {self.asked.max_ms or 'unlimited'}. Raise a budget, or give narrower --schemes."
            )
        return found

    def _refined(self, choice: Choice, most_bytes: float, most_ms: float) -> Choice:
        """Forbids, one at a time, the narrowest schemes that harm most, and keeps what measures better."""
        best, options = choice, dict[str, Sequence[Option]](self.options)
        narrow = [layer for layer in self.layers if choice[layer] != self.names[0]]
        worst = sorted(narrow, key=lambda layer: -_harm_of(self.options, layer, choice[layer]))
        for layer in worst[:STEPS]:
            tried = allocate.without(options, layer, choice[layer])
            other = allocate.allocate(tried, most_bytes, most_ms)
            if other is not None and self.measure(other)["kl"] < self.measure(best)["kl"]:
                best, options = other, tried
        return best

    # Files

    def _lowered(self, choice: Choice, name: str) -> dict[str, Any]:
        """The file of a choice: its real bytes, and how long it takes."""
        reference = self.reference(choice)
        if not self.backend.capability.ships:
            return {"file": None, "bytes": estimated_bytes(reference), "ms": None}
        path = self.folder.path / "artifacts" / f"{self.about.network.name}-{name}{self.backend.capability.suffix}"
        claim(path, path.with_suffix(".names.json"))
        made = self.backend.lower(reference, path)
        with self.progress.task(f"{name}: timing") as tick:
            times = whole_ms({name: path}, self.backend, self.captured.inputs.shape, tick)
        return {"file": f"artifacts/{path.name}", "bytes": made.bytes, "ms": times[name]}

    def _record(self, front: list[dict[str, Any]], chosen: Choice, made: dict[str, Any]) -> dict[str, Any]:
        both = self._both(made)
        return {
            "network": self.about.network.name,
            "data": self.about.network.data,
            "target": self.asked.target,
            "schemes": list(self.names),
            "n": len(self.about.images),
            "split": "validation",
            "budget": {"bytes": self.asked.max_bytes, "ms": self.asked.max_ms, "drop": self.asked.drop},
            "layers": self._layers(chosen),
            "base": self.measure(self.base) | {"measured": self.whole},
            "front": sorted(self.measured.values(), key=lambda point: float(point["bytes"])) if front else [],
            "chosen": self.measure(chosen) | {"measured": made, "recipe": self._write(chosen)},
            "both": both,
            "ratio": ratio(both["chosen"]["turns"], both["base"]["turns"]) if both else None,
            "unfit": unfit(self.about.network.provenance, self.truth.numpy(), self.about.labels),
        }

    def _both(self, made: Mapping[str, Any]) -> dict[str, Any] | None:
        """The first scheme everywhere and the chosen file, timed in turns."""
        if not made["file"] or made is self.whole:
            return None
        paths = {name: self.folder.path / one["file"] for name, one in (("base", self.whole), ("chosen", made))}
        with self.progress.task("timing both files in turns") as tick:
            return whole_ms(paths, self.backend, self.captured.inputs.shape, tick)

    def _layers(self, chosen: Choice) -> list[dict[str, Any]]:
        return [
            {"layer": layer, "chosen": chosen[layer], "options": [dataclasses.asdict(o) for o in several]}
            for layer, several in self.options.items()
        ]


def _harm_of(options: allocate.Options, layer: str, scheme: str) -> float:
    return next(option.harm for option in options[layer] if option.scheme == scheme)
