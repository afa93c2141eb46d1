"""What `edgequant search` is asked: schemes to choose from, and budgets."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...catalog import BACKENDS
from ...core.errors import BadOption
from ...core.foreign import foreign
from ...recipe.recipe import parse_recipe
from ...store.disk import read_json
from ...study.study import Study, check
from ..source import AbstractAsked, study_from


@dataclass(frozen=True)
class Asked(AbstractAsked):
    """What is asked. Budgets are numbers, or percentages of the first scheme everywhere (`75%`); empty: none.

    Without any, the smallest is looked for that loses at most 0.5 points more than the first scheme everywhere.
    """

    target: str = "litert"
    schemes: str = "w8a8,w4a8"
    max_bytes: str = ""
    max_ms: str = ""
    max_drop: float = math.nan  # points, below the first scheme everywhere
    sensitivity: str = ""  # a folder of `edgequant sensitivity`, in place of the fast scores
    images: int = 512
    name: str = "mixed"

    @property
    def drop(self) -> float:
        """The most points that may be lost; no limit where another budget is given."""
        if not math.isnan(self.max_drop):
            return self.max_drop
        return math.inf if self.max_bytes or self.max_ms else 0.5


def study_of(asked: Asked, overrides: Sequence[str] = ()) -> Study:
    """Raises BadOption and Unsupported."""
    parse_schemes(asked)
    if not asked.name.replace("-", "").replace("_", "").isalnum():
        raise BadOption(f"--name is a part of a file's name: letters, digits, - and _. Got {asked.name!r}.")
    for text, option in ((asked.max_bytes, "--max-bytes"), (asked.max_ms, "--max-ms")):
        budget(text, option, 1.0)
    if asked.max_drop < 0 or asked.images < 2:
        raise BadOption(
            f"--max-drop is at least 0 points, and --images at least 2. Got {asked.max_drop:g} and {asked.images}."
        )
    study = study_from(asked, overrides, "search")
    title = f"Mixed precision: {study.title}"
    return check(dataclasses.replace(study, title=title, recipes=("float32",), targets=(asked.target,)))


def parse_schemes(asked: Asked) -> tuple[str, ...]:
    """The schemes that a layer may have; the first is the one that budgets are compared with. Raises BadOption."""
    names = tuple(dict.fromkeys(word.strip() for word in asked.schemes.split(",") if word.strip()))
    if len(names) < 2:
        raise BadOption(f"--schemes names two at least to choose from. Got {asked.schemes!r}. Write w8a8,w4a8.")
    if names[0] == "float" or any(name != "float" and parse_recipe(name).kind != "static" for name in names):
        raise BadOption(f"--schemes takes wXaY, and float behind them. Got {asked.schemes!r}. Write w8a8,w4a8.")
    widths = {name.partition("a")[2] for name in names if name != "float"}
    if len(widths) > 1 and BACKENDS.build(asked.target).capability.ships:
        raise BadOption(
            f"{asked.target} has no kernel that reads one activation width and writes another, and {asked.schemes!r}"
            " mixes them. Give one width, as w8a8,w4a8; or --target simulation."
        )
    return names


def budget(text: str, option: str, whole: float) -> float:
    """A number, or a percentage of `whole`; infinite where nothing was said. Raises BadOption."""
    if not text:
        return math.inf
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = math.nan
    if not value > 0:
        raise BadOption(
            f"{option} takes a number, or a percentage of the first scheme everywhere. Got {text!r}. Write 75%."
        )
    return whole * value / 100 if text.endswith("%") else value


def recorded(folder: str, network: str, data: str, scheme: str, layers: Sequence[str]) -> dict[str, float]:
    """Layer -> nats at this scheme, as `edgequant sensitivity` left them in `folder`; nothing in float.

    Raises BadFile, and BadOption where the folder does not know all layers of this network at this scheme.
    """
    if scheme == "float":
        return dict.fromkeys(layers, 0.0)
    with foreign(folder, "a run of edgequant sensitivity"):
        records = read_json(Path(folder) / "results.json").get("sensitivity", [])
        rows = [row for r in records if (r["network"], r["data"]) == (network, data) for row in r["rows"]]
        here = [r for r in rows if r["kind"] == "alone" and f"w{r['weight_bits']}a{r['activation_bits']}" == scheme]
        found = {row["layer"]: float(row["kl"]) for row in here}
    if set(found) != set(layers):
        raise BadOption(
            f"{folder} knows {len(found)} of {len(layers)} layers at {scheme}. Expected all: run edgequant sensitivity"
            f" with --bits {scheme[1:].partition('a')[0]}, or leave out --sensitivity."
        )
    return found
