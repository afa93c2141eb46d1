"""What to do to which layer, as plain data.

A recipe's name decodes: `w8a8` is 8-bit weights and 8-bit integer activations, `w8` weights only,
`dynamic-w8` weights with activations quantized on the fly, `float16`, `float32`. Below 8 bits the
first convolution and the classifier keep 8 bits; `w4a4-all` spares nothing.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any

from ..core.errors import BadOption, cause
from ..core.registry import unknown
from .scheme import RecipeKind, Scheme

NAMES = ("float32", "float16", "dynamic-w8", "w8", "w8a8", "w8a16", "w4", "w4a8", "w4a16")
OPTIONS = {
    "weight_bits": int, "activation_bits": int, "per_channel": bool, "symmetric_activations": bool, "reason": str,
}  # fmt: skip
PRESETS = resources.files("edgequant.recipe.presets")
WEIGHT_BITS, ACTIVATION_BITS = range(2, 9), range(2, 17)


@dataclass(frozen=True)
class Rule:
    """The layers that match `where` take `scheme`; None leaves them in float.

    `where`: a glob over module paths (`features.1.*`), `op:conv2d`, `depthwise`, `first` or `last`
    (of the layers with weights).
    """

    where: str
    scheme: Scheme | None


@dataclass(frozen=True)
class Recipe:
    """Rules in order; the last one that matches a layer decides."""

    name: str
    kind: RecipeKind
    rules: tuple[Rule, ...] = ()

    def scheme_for(self, names: frozenset[str]) -> Scheme | None:
        """The scheme of a layer that answers to `names` (its path, and the words a rule may use)."""
        chosen: Scheme | None = None
        for rule in self.rules:
            if any(fnmatchcase(name, rule.where) for name in names):
                chosen = rule.scheme
        return chosen


def presets() -> tuple[str, ...]:
    """The names of the recipe files inside the package."""
    return tuple(sorted(e.name.removesuffix(".toml") for e in PRESETS.iterdir() if e.name.endswith(".toml")))


def parse_recipe(text: str) -> Recipe:
    """A recipe by name (`w4a8`, `w5a7-all`, one of `presets`) or from a `.toml` file. Raises BadOption."""
    if text.endswith(".toml"):
        return load_recipe(Path(text))
    if text in presets():
        return load_recipe(Path(str(PRESETS / f"{text}.toml")))
    if text in ("float32", "float16"):
        return Recipe(text, text)  # type: ignore[arg-type]
    if text == "dynamic-w8":
        return Recipe(text, "dynamic", (Rule("*", Scheme(8, None)),))
    match = re.fullmatch(r"w(\d+)(?:a(\d+))?(-all)?", text)
    if not match:
        raise BadOption(_unknown(text))
    weight, activation = int(match[1]), int(match[2]) if match[2] else None
    _check_bits(text, weight, activation)
    return Recipe(text, "static" if activation else "weight-only", _rules(weight, activation, bool(match[3])))


def _unknown(text: str) -> str:
    """The line for a name that is no recipe's."""
    several = re.split(r"[,;\s]+", text.strip())
    if len(several) > 1 and all(re.fullmatch(r"w\d+(a\d+)?|float(16|32)", one) for one in several):
        return f"Expected one recipe. Got {text!r}: write --recipe {several[0]}, or recipes = [...] in a study."
    refined = re.fullmatch(r"(w\d+(?:a\d+)?)[-_:,](qat|adaround|equalize|bias_correct|distill|prune)(.*)", text)
    if refined:
        return (
            f"No recipe is named {text!r}. A refiner stands behind a plus: write {refined[1]}+{refined[2]}{refined[3]}."
        )
    return unknown("recipe", text, (*NAMES, *presets())) + " Any wXaY works (X 2..8, Y 2..16), or give a .toml file."


def _rules(weight: int, activation: int | None, spare_nothing: bool) -> tuple[Rule, ...]:
    body = Rule("*", Scheme(weight, activation))
    if spare_nothing or (weight >= 8 and (activation or 8) >= 8):
        return (body,)
    ends = Scheme(8, None if activation is None else max(activation, 8))
    return (body, Rule("first", ends), Rule("last", ends))


def _check_bits(where: str, weight: int | None, activation: int | None) -> None:
    if weight is not None and weight not in WEIGHT_BITS:
        raise BadOption(f"{where!r} asks for {weight}-bit weights; 2 to 8 bits are possible. Write for example w4a8.")
    if activation is not None and activation not in ACTIVATION_BITS:
        raise BadOption(
            f"{where!r} asks for {activation}-bit activations; 2 to 16 are possible. Write for example w8a16."
        )


def load_recipe(path: Path) -> Recipe:
    """A recipe file: `base = "w8a8"` and `[[rules]]` with `where`, and bits or `float = true`."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadOption(
            f'The recipe file {path} cannot be read: {cause(error)}. Expected TOML: base = "w8a8", and [[rules]] with'
            " where and weight_bits, activation_bits or float = true."
        ) from error
    extra = set(table) - {"base", "rules", "name"}
    if extra & {"network", "recipes", "targets"}:
        raise BadOption(
            f"{path} is a study, not a recipe. Run it: edgequant run {path}. A recipe has base and [[rules]]."
        )
    if extra:
        raise BadOption(f"The recipe file {path} has no use for {sorted(extra)}. It takes name, base and [[rules]].")
    base = parse_recipe(str(table.get("base", "w8a8")))
    rules = table.get("rules", [])
    if not isinstance(rules, list):
        raise BadOption(f"'rules' in {path} is a list of tables. Write [[rules]].")
    return replace(base, name=str(table.get("name", path.stem)), rules=(*base.rules, *(_rule(r, path) for r in rules)))


def _rule(table: Any, path: Path) -> Rule:
    if not isinstance(table, dict) or "where" not in table:
        raise BadOption(f"A rule in {path} has no 'where'. Write where = \"features.1.*\".")
    for key, kind in {"where": str, "float": bool, **OPTIONS}.items():
        if key in table and type(table[key]) is not kind:
            raise BadOption(f"{key} of a rule in {path} must be {kind.__name__}. Got {table[key]!r}.")
    options = {k: v for k, v in table.items() if k not in ("where", "float")}
    if unknown_keys := sorted(set(options) - set(OPTIONS)):
        raise BadOption(f"A rule in {path} has unknown keys {unknown_keys}. Known: {sorted(OPTIONS)}, float.")
    if table.get("float"):
        return Rule(table["where"], Scheme(None, None, reason=options.get("reason") or "the recipe leaves it in float"))
    _check_bits(str(path), options.get("weight_bits"), options.get("activation_bits"))
    return Rule(table["where"], Scheme(**options))
