"""A recipe as a file that `load_recipe` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .recipe import Recipe, Rule, parse_recipe
from .scheme import Scheme

WHY = "the search leaves it in float"


def recipe_of(name: str, base: str, schemes: Mapping[str, str]) -> Recipe:
    """`base` (by name) with the layers of `schemes` (layer -> `w4a8`, or `float`) otherwise. Raises BadOption."""
    plain = parse_recipe(base)
    others = tuple(Rule(literal(layer), _scheme(scheme)) for layer, scheme in schemes.items())
    return Recipe(name, plain.kind, (*plain.rules, *others))


def recipe_file(base: str, schemes: Mapping[str, str], note: str = "") -> str:
    """The same as a `.toml`, under `note`. Raises BadOption."""
    lines = [*(f"# {line}" for line in note.splitlines()), f"base = {json.dumps(base)}"]
    for layer, scheme in schemes.items():
        lines += ["", "[[rules]]", f"where = {json.dumps(literal(layer), ensure_ascii=False)}", *_bits(scheme)]
    return "\n".join(lines) + "\n"


def literal(layer: str) -> str:
    """A glob that matches this name alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in layer)


def _scheme(scheme: str) -> Scheme:
    if scheme == "float":
        return Scheme(None, None, reason=WHY)
    found = parse_recipe(f"{scheme}-all").rules[0].scheme
    assert found is not None
    return found


def _bits(scheme: str) -> list[str]:
    found = _scheme(scheme)
    if scheme == "float":
        return ["float = true", f"reason = {json.dumps(WHY)}"]
    return [f"weight_bits = {found.weight_bits}", f"activation_bits = {found.activation_bits}"]
