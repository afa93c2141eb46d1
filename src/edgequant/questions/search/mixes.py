"""The mixes of one network's schemes: what one is made of, what each layer costs, and the file that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

from ...backends.contract import AbstractBackend
from ...catalog import BACKENDS
from ...core.errors import Unsupported
from ...quantization.build import build
from ...quantization.reference import Reference
from ...quantization.size import estimated_bytes
from ...recipe.resolve import resolve
from ...recipe.write import recipe_file, recipe_of
from ...search import fisher
from ...search.allocate import Choice, Option
from ...search.forms import alone
from ...store.belongings import claim
from ...store.disk import write_bytes
from ...study.bench import Bench
from ...study.making.layer_costs import layer_bytes, layer_ms, whole_ms
from ..layers import FEW, Subject
from .asked import AskedSearch, recorded

Costs = dict[str, list[Option]]  # layer -> what it costs in each scheme that the target runs it in


@final
@dataclass(frozen=True)
class Mixes:
    """One network under search. `schemes[0]` is the scheme that the others are compared with."""

    asked: AskedSearch
    about: Subject
    bench: Bench
    recipe: str  # the name of the recipe file, without its ending

    @cached_property
    def backend(self) -> AbstractBackend:
        return BACKENDS.build(self.asked.target)

    @cached_property
    def schemes(self) -> tuple[str, ...]:
        return self.asked.names()

    @cached_property
    def layers(self) -> list[str]:
        return [step.layer for step in self.about.captured.program.layers]

    @property
    def base(self) -> Choice:
        """The first scheme everywhere."""
        return self.everywhere(self.schemes[0])

    def everywhere(self, scheme: str) -> Choice:
        return dict.fromkeys(self.layers, scheme)

    def narrow(self, choice: Choice) -> Choice:
        """The layers that have another scheme than the first."""
        return {layer: scheme for layer, scheme in choice.items() if scheme != self.schemes[0]}

    def reference(self, choice: Choice) -> Reference:
        """Raises Unsupported where the target has no kernel for it."""
        recipe = recipe_of(self.asked.name, f"{self.schemes[0]}-all", self.narrow(choice))
        plan = resolve(self.about.captured.program, recipe, self.asked.target, self.backend.capability)
        return build(self.about.captured, plan, self.about.observers)

    def file(self, choice: Choice, name: str) -> dict[str, Any]:
        """{"file", "bytes", "ms"} of the file of a choice, as it is and as it was timed; simulated, its estimate."""
        reference = self.reference(choice)
        if not self.backend.capability.ships:
            return {"file": None, "bytes": estimated_bytes(reference), "ms": None}
        file = f"artifacts/{self.about.network.name}-{name}{self.backend.capability.suffix}"
        path = self.bench.folder.path / file
        claim(path, path.with_suffix(".names.json"))
        size = self.backend.lower(reference, path).bytes
        return {"file": file, "bytes": size, "ms": self.timed({name: file}, f"{name}: timing")[name]}

    def timed(self, files: dict[str, str], words: str) -> dict[str, Any]:
        """Milliseconds of some of its files by name, in turns, as `whole_ms` gives them."""
        paths = {name: self.bench.folder.path / file for name, file in files.items()}
        with self.bench.doing(words) as tick:
            return whole_ms(paths, self.backend, self.about.captured.inputs.shape, tick)

    def write(self, choice: Choice) -> str:
        """The recipe file, for `edgequant quantize --recipe`; its path in the run folder."""
        name, about = f"artifacts/{self.recipe}.toml", self.about.network
        note = f"Made by edgequant search for {about.name} on {about.data}, target {self.asked.target}."
        path = self.bench.folder.path / name
        claim(path)
        write_bytes(path, recipe_file(f"{self.schemes[0]}-all", self.narrow(choice), note).encode())
        return name


def costs(mixes: Mixes) -> Costs:
    """What each layer costs in each scheme: bytes as they are packed, milliseconds alone in the runtime (0 where the
    target makes no file), nats of harm. Raises Unsupported where the target cannot run a layer in the first scheme.
    """
    references = {name: mixes.reference(mixes.everywhere(name)) for name in mixes.schemes}
    times: dict[str, dict[str, float]] = {}
    if mixes.backend.capability.ships:
        with mixes.bench.doing(f"{mixes.about.network.name}: timing layers") as tick:
            times = layer_ms(references, mixes.backend, tick)
    harm, size = _harm(mixes, references), {name: layer_bytes(r) for name, r in references.items()}
    found: Costs = {}
    for layer in mixes.layers:
        ms = times.get(layer, dict.fromkeys(mixes.schemes, 0.0))
        if mixes.schemes[0] not in ms:
            raise Unsupported(
                f"{mixes.asked.target} cannot run the layer {layer} at {mixes.schemes[0]}. Give another --schemes."
            )
        found[layer] = [Option(n, size[n][layer], ms[n], harm[n][layer]) for n in mixes.schemes if n in ms]
    return found


def _harm(mixes: Mixes, references: dict[str, Reference]) -> dict[str, dict[str, float]]:
    """Scheme -> layer -> nats: as `edgequant sensitivity` measured them, or the fast scores."""
    about, folder = mixes.about, mixes.asked.sensitivity
    if folder:
        of = about.network.name, about.network.data
        return {name: recorded(folder, of, name, mixes.layers) for name in references}
    forms = {name: alone(reference) for name, reference in references.items() if name != "float"}
    with mixes.bench.doing(f"{about.network.name}: scoring layers") as tick:
        scores = fisher.scores(about.captured, about.batches(end=FEW), forms, tick)
    steps = about.captured.program.layers
    return {n: {s.layer: scores[n][s.name] if n in scores else 0.0 for s in steps} for n in references}
