"""Which mix keeps the budgets: an integer program over measured costs, and checks on validation images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple, final

import torch

from ...core.errors import BadOption
from ...search import allocate
from ...search.allocate import Choice, Options
from ...search.forms import together
from .asked import budget
from .mixes import Costs, Mixes

REFINED = 4  # measured refinements
HALVINGS = 6  # of the range of bytes: to a sixty-fourth
ALIGNMENT = 16  # bytes: what a packed weight may be padded by in a file


class Limits(NamedTuple):
    """Of all layers together, in the figures of their options; infinite where nothing was said."""

    bytes: float
    ms: float


@final
@dataclass(frozen=True)
class Priced:
    """The mixes with all that one is chosen by: the costs of layers, the file of the first scheme everywhere (`whole`,
    as `Mixes.file` gives it), and the float network's scores (`truth`). `points`: the mixes measured so far."""

    mixes: Mixes
    costs: Costs
    whole: dict[str, Any]
    truth: torch.Tensor
    points: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)

    def point(self, choice: Choice) -> dict[str, Any]:
        """What a choice is predicted to cost, and what it does to the answers: simulated on the validation images."""
        key = tuple(choice[layer] for layer in self.mixes.layers)
        if key not in self.points:
            about = self.mixes.about
            scores = about.scores(together(self.mixes.reference(choice)))
            lost = {"drop": None, "drop_ci95": None, "top1": about.top1(scores)}
            lost |= about.compared(self.truth, self.truth, scores)
            self.points[key] = self._predicted(choice) | lost | {"choice": choice}
        return self.points[key]

    def _predicted(self, choice: Choice) -> dict[str, Any]:
        """Sums over layers say by how much a mix differs from the file that was measured, not what a file costs."""
        whole, base = self.whole, self.mixes.base
        ms = whole["ms"]["p50"] + self.total(choice, "ms") - self.total(base, "ms") if whole["ms"] else None
        return {
            "bytes": whole["bytes"] + self.total(choice, "bytes") - self.total(base, "bytes"),
            "ms": ms,
            "harm": self.total(choice, "harm"),
            "narrow": len(self.mixes.narrow(choice)),
        }

    def total(self, choice: Choice, key: str) -> float:
        return allocate.total(self.costs, choice, key)


def limits(priced: Priced) -> Limits:
    """The budgets, less what a file costs besides its layers. Raises BadOption."""
    mixes, asked, whole = priced.mixes, priced.mixes.asked, priced.whole
    size, ms = (priced.total(mixes.base, key) for key in ("bytes", "ms"))
    whole_ms = whole["ms"]["p50"] if whole["ms"] else ms
    most = Limits(budget(asked.max_bytes, "--max-bytes", whole["bytes"]), budget(asked.max_ms, "--max-ms", whole_ms))
    if asked.max_ms and not mixes.backend.capability.ships:
        raise BadOption(
            f"{asked.target} runs nothing, so it has no latency. Leave out --max-ms, or give --target litert."
        )
    # a narrower weight may move every one behind it to another alignment
    padding = ALIGNMENT * len(mixes.layers) if mixes.backend.capability.ships else 0
    return Limits(size + most.bytes - whole["bytes"] - padding, ms + most.ms - whole_ms)


def fitting(priced: Priced, within: Limits) -> tuple[Choice, dict[str, Any]]:
    """A choice whose real file keeps the budget of bytes, and that file: sums over layers may miss what neighbours
    share, and then the next choice has to save that much more. Raises BadOption."""
    mixes = priced.mixes
    most = budget(mixes.asked.max_bytes, "--max-bytes", priced.whole["bytes"])
    while True:
        chosen = _choose(priced, within)
        made = priced.whole if chosen == mixes.base else mixes.file(chosen, mixes.asked.name)
        if made["bytes"] <= most:
            return chosen, made
        less = min(within.bytes, priced.total(chosen, "bytes")) - (made["bytes"] - most)
        within = within._replace(bytes=less)


def _choose(priced: Priced, within: Limits) -> Choice:
    """Within the budgets; where accuracy is one, the fewest bytes that keep it. Raises BadOption."""
    if math.isinf(priced.mixes.asked.drop):
        return _refined(priced, within)
    smallest = allocate.allocate(priced.costs, max_ms=within.ms, minimise="bytes")
    low = priced.total(smallest, "bytes") if smallest else 0.0
    high = min(within.bytes, priced.total(priced.mixes.base, "bytes"))
    best = _solve(priced, Limits(high, within.ms))
    for _ in range(HALVINGS):  # bisection: what loses little at some bytes loses less at more of them, nearly always
        middle = (low + high) / 2
        found = _solve(priced, Limits(middle, within.ms))
        if _kept(priced, found):
            best, high = found, middle
        else:
            low = middle
    return best


def _kept(priced: Priced, choice: Choice) -> bool:
    """Whether it loses no more than was allowed, below the first scheme everywhere."""
    found, base = priced.point(choice), priced.point(priced.mixes.base)
    if found["top1"] is None:
        raise BadOption("The images have no labels, so no drop can be kept. Give --max-bytes in place of --max-drop.")
    return bool(100 * (base["top1"] - found["top1"]) <= priced.mixes.asked.drop)


def _solve(priced: Priced, within: Limits) -> Choice:
    found, asked = allocate.allocate(priced.costs, within.bytes, within.ms), priced.mixes.asked
    if found is None:
        raise BadOption(
            f"No mix of {', '.join(priced.mixes.schemes)} keeps --max-bytes {asked.max_bytes or 'unlimited'} and"
            f" --max-ms {asked.max_ms or 'unlimited'}. Raise a budget, or give narrower --schemes."
        )
    return found


def _refined(priced: Priced, within: Limits) -> Choice:
    """The integer program's choice; then, of its narrowest schemes, those that harm most are forbidden one at a time,
    and what measures better is kept: harms do not quite add up. Raises BadOption."""
    best = _solve(priced, within)
    options: Options = priced.costs
    narrow = priced.mixes.narrow(best)
    harm = {la: next(o.harm for o in priced.costs[la] if o.scheme == scheme) for la, scheme in narrow.items()}
    for layer in sorted(narrow, key=lambda layer: -harm[layer])[:REFINED]:
        tried = allocate.without(options, layer, narrow[layer])
        other = allocate.allocate(tried, within.bytes, within.ms)
        if other is not None and priced.point(other)["kl"] < priced.point(best)["kl"]:
            best, options = other, tried
    return best
