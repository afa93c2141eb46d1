"""A recipe that is written is the recipe that is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgequant.core.errors import BadOption
from edgequant.recipe.recipe import load_recipe
from edgequant.recipe.write import literal, recipe_file, recipe_of

SCHEMES = {"features.0": "w4a8", 'odd "name"[0]*': "float", "größe;1": "w8a16"}


def test_a_file_reads_back_as_the_same_rules(tmp_path: Path) -> None:
    path = tmp_path / "mixed.toml"
    path.write_text(recipe_file("w8a8-all", SCHEMES, "two\nlines"), encoding="utf-8")
    read, made = load_recipe(path), recipe_of("mixed", "w8a8-all", SCHEMES)
    assert read == made and path.read_text(encoding="utf-8").startswith("# two\n# lines\nbase = ")
    for layer, bits in zip(SCHEMES, ((4, 8), (None, None), (8, 16))):
        scheme = read.scheme_for(frozenset({layer, "op:conv2d"}))
        assert scheme is not None and (scheme.weight_bits, scheme.activation_bits) == bits
    other = read.scheme_for(frozenset({"features.00", "op:conv2d"}))
    assert other is not None and (other.weight_bits, other.activation_bits) == (8, 8)


def test_a_name_matches_itself_alone() -> None:
    assert literal("a[0]*") == "a[[]0][*]"


def test_a_scheme_that_nobody_knows_is_refused() -> None:
    with pytest.raises(BadOption, match="w9a8"):
        recipe_of("x", "w8a8", {"a": "w9a8"})
