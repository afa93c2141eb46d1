"""What `edgequant search` is asked: schemes to choose from, and budgets."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, final

from ...catalog import BACKENDS
from ...core.errors import BadOption
from ...core.foreign import foreign
from ...core.help import Help
from ...recipe.recipe import parse_recipe
from ...store.disk import read_json
from ...study.study import Study, check
from ..source import AbstractAsked, Images, Target, study_from


@final
@dataclass(frozen=True)
class AskedSearch(AbstractAsked):
    """What is asked. Budgets are numbers, or percentages of the first scheme everywhere (`75%`); empty: none.

    Without any, the smallest is looked for that loses at most 0.5 points more than the first scheme everywhere.
    """

    target: Target = "litert"
    schemes: Annotated[
        str,
        Help(
            "Schemes a layer may use, e.g. w8a8,w4a8. Percentages in budgets are of the network with the first scheme"
            " in every layer."
        ),
    ] = "w8a8,w4a8"
    max_bytes: Annotated[str, Help("Of the file: a number, or 75%.")] = ""
    max_ms: Annotated[str, Help("Milliseconds an image, one thread: a number, or 100%.")] = ""
    max_drop: Annotated[float | None, Help("Points below the first scheme. Default: 0.5 without a budget.")] = None
    sensitivity: Annotated[str, Help("Scores of a finished `edgequant sensitivity`.", metavar="DIR")] = ""
    images: Images = 512
    name: Annotated[str, Help("Of the recipe file.")] = "mixed"

    @property
    def drop(self) -> float:
        """The most points that may be lost; no limit where another budget is given."""
        if self.max_drop is not None:
            return self.max_drop
        return math.inf if self.max_bytes or self.max_ms else 0.5

    def names(self) -> tuple[str, ...]:
        """The schemes that a layer may have; budgets are compared with the first. Raises BadOption and Unsupported."""
        names = tuple(dict.fromkeys(word.strip() for word in self.schemes.split(",") if word.strip()))
        if len(names) < 2:
            raise BadOption(f"--schemes names two at least to choose from. Got {self.schemes!r}. Write w8a8,w4a8.")
        if names[0] == "float" or any(name != "float" and parse_recipe(name).kind != "static" for name in names):
            raise BadOption(f"--schemes takes wXaY, and float behind them. Got {self.schemes!r}. Write w8a8,w4a8.")
        widths = {name.partition("a")[2] for name in names if name != "float"}
        if len(widths) > 1 and BACKENDS.build(self.target).capability.ships:
            raise BadOption(
                f"{self.target} has no kernel that reads one activation width and writes another, and"
                f" {self.schemes!r} mixes them. Give one width, as w8a8,w4a8; or --target simulation."
            )
        return names

    def study(self, overrides: Sequence[str] = ()) -> Study:
        """Raises BadOption and Unsupported."""
        self.names()
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise BadOption(f"--name is a part of a file's name: letters, digits, - and _. Got {self.name!r}.")
        for text, option in ((self.max_bytes, "--max-bytes"), (self.max_ms, "--max-ms")):
            budget(text, option, 1.0)
        if not self.drop >= 0 or self.images < 2:
            raise BadOption(
                f"--max-drop is at least 0 points, and --images at least 2. Got {self.drop:g} and {self.images}."
            )
        study = study_from(self, overrides, "search")
        title = f"Mixed precision: {study.title}"
        return check(dataclasses.replace(study, title=title, recipes=("float32",), targets=(self.target,)))


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


def recorded(folder: str, of: tuple[str, str], scheme: str, layers: Sequence[str]) -> dict[str, float]:
    """Layer -> nats at this scheme, as `edgequant sensitivity` left them in `folder`; nothing in float.

    `of`: the names of the network and of its data. Raises BadFile, and BadOption where the folder does not know all
    layers of this network at this scheme.
    """
    if scheme == "float":
        return dict.fromkeys(layers, 0.0)
    with foreign(folder, "a run of edgequant sensitivity"):
        records = read_json(Path(folder) / "results.json").get("sensitivity", [])
        rows = [row for r in records if (r["network"], r["data"]) == of for row in r["rows"]]
        here = [r for r in rows if r["kind"] == "alone" and f"w{r['weight_bits']}a{r['activation_bits']}" == scheme]
        found = {row["layer"]: float(row["kl"]) for row in here}
    if set(found) != set(layers):
        raise BadOption(
            f"{folder} knows {len(found)} of {len(layers)} layers at {scheme}. Expected all: run edgequant sensitivity"
            f" with --bits {scheme[1:].partition('a')[0]}, or leave out --sensitivity."
        )
    return found
