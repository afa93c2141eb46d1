"""Names that decode, and recipe files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgequant.core.errors import BadOption
from edgequant.recipe.recipe import NAMES, Recipe, Rule, load_recipe, parse_recipe
from edgequant.recipe.scheme import Scheme


def bits(recipe: Recipe, *names: str) -> tuple[int | None, int | None]:
    scheme = recipe.scheme_for(frozenset(names))
    assert scheme is not None
    return scheme.weight_bits, scheme.activation_bits


@pytest.mark.parametrize(
    ("name", "kind", "body", "ends"),
    [
        ("float32", "float32", None, None),
        ("float16", "float16", None, None),
        ("dynamic-w8", "dynamic", (8, None), (8, None)),
        ("w8", "weight-only", (8, None), (8, None)),
        ("w4", "weight-only", (4, None), (8, None)),
        ("w8a8", "static", (8, 8), (8, 8)),
        ("w8a16", "static", (8, 16), (8, 16)),
        ("w4a8", "static", (4, 8), (8, 8)),
        ("w4a16", "static", (4, 16), (8, 16)),
        ("w8a4", "static", (8, 4), (8, 8)),
        ("w5a7", "static", (5, 7), (8, 8)),
        ("w4a4", "static", (4, 4), (8, 8)),
        ("w4a4-all", "static", (4, 4), (4, 4)),
        ("w2-all", "weight-only", (2, None), (2, None)),
        ("w8a8-all", "static", (8, 8), (8, 8)),
        ("w2a2", "static", (2, 2), (8, 8)),
        ("w8a2-all", "static", (8, 2), (8, 2)),
    ],
)
def test_a_name_decodes(
    name: str, kind: str, body: tuple[int, int | None] | None, ends: tuple[int, int | None] | None
) -> None:
    recipe = parse_recipe(name)
    assert (recipe.name, recipe.kind) == (name, kind)
    if body is None or ends is None:
        assert recipe.rules == ()
        return
    assert bits(recipe, "features.1.conv", "op:conv2d") == body
    assert bits(recipe, "stem", "first") == bits(recipe, "classifier", "last") == ends


def test_every_listed_name_is_a_recipe() -> None:
    assert [parse_recipe(name).name for name in NAMES] == list(NAMES)


@pytest.mark.parametrize(
    "name", ["w8a", "a8", "W8A8", "w8a8-", "w8a8-some", "", "int8", "dynamic-w4", "w8 a8", "w8a8\n"]
)
def test_what_is_no_name_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(BadOption, match=r"No recipe is named.*Known: float32.*Any wXaY works"):
        parse_recipe(name)


def test_the_nearest_name_is_proposed() -> None:
    with pytest.raises(BadOption, match="Did you mean 'dynamic-w8'"):
        parse_recipe("dynamic-8")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("w1a8", "1-bit weights; 2 to 8"),
        ("w9", "9-bit weights; 2 to 8"),
        ("w8a1", "1-bit activations; 2 to 16"),
        ("w8a17", "17-bit activations; 2 to 16"),
        ("w8a0", "0-bit activations"),
    ],
)
def test_widths_that_do_not_exist_are_refused(name: str, message: str) -> None:
    with pytest.raises(BadOption, match=message):
        parse_recipe(name)


def test_the_last_rule_that_matches_decides() -> None:
    recipe = Recipe("mine", "static", (Rule("*", Scheme(4, 8)), Rule("head.*", Scheme(8, 8)), Rule("head.1", None)))
    assert bits(recipe, "body.0") == (4, 8)
    assert bits(recipe, "head.0") == (8, 8)
    assert recipe.scheme_for(frozenset({"head.1"})) is None


def test_a_glob_minds_case_and_matches_the_whole_name() -> None:
    recipe = Recipe("mine", "static", (Rule("Features.*", Scheme(4, 8)), Rule("features.?", Scheme(2, 8))))
    assert recipe.scheme_for(frozenset({"features.10"})) is None
    assert bits(recipe, "features.9") == (2, 8)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_adds_rules_to_a_named_recipe(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        base = "w4a8"
        [[rules]]
        where = "depthwise"
        weight_bits = 8
        per_channel = false
        [[rules]]
        where = "last"
        float = true
        reason = "its scores are read by a rule of thumb"
        """,
    )
    recipe = parse_recipe(str(path))
    assert (recipe.name, recipe.kind) == ("mine", "static")
    assert bits(recipe, "body") == (4, 8) and bits(recipe, "stem", "first") == (8, 8)
    assert recipe.scheme_for(frozenset({"depthwise"})) == Scheme(8, 8, per_channel=False)
    assert recipe.scheme_for(frozenset({"last"})) == Scheme(None, None, reason="its scores are read by a rule of thumb")


def test_a_file_has_a_name_a_base_and_a_reason_by_default(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, '[[rules]]\nwhere = "stem"\nfloat = true'))
    assert (recipe.name, recipe.rules[0]) == ("mine", Rule("*", Scheme(8, 8)))
    assert recipe.scheme_for(frozenset({"stem"})) == Scheme(None, None, reason="the recipe leaves it in float")
    assert load_recipe(written(tmp_path, 'name = "other"\nbase = "float16"')) == Recipe("other", "float16")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base = ", "cannot be read"),
        ("based = 'w8a8'", "no use for .*based.*It takes name, base"),
        ("base = 'w8a99'", "99-bit activations"),
        ("rules = 5", r"Write \[\[rules\]\]"),
        ("rules = [5]", "has no 'where'"),
        ("[[rules]]\nfloat = true", "has no 'where'"),
        ("[[rules]]\nwhere = 'a'\nbits = 4", "unknown keys .*bits.*Known: .*weight_bits"),
        ("[[rules]]\nwhere = 'a'\nweight_bits = 1", "1-bit weights"),
        ("[[rules]]\nwhere = 'a'\nactivation_bits = 32", "32-bit activations"),
        ("[[rules]]\nwhere = 5", "where .*str"),
        ("[[rules]]\nwhere = 'a'\nper_channel = 'no'", "per_channel .*bool"),
        ("[[rules]]\nwhere = 'a'\nweight_bits = 8.0", "weight_bits .*int"),
        ("[[rules]]\nwhere = 'a'\nfloat = 'yes'", "float .*bool"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=message):
        load_recipe(written(tmp_path, text))


def test_a_file_that_is_absent_or_binary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"absent\.toml cannot be read"):
        parse_recipe(str(tmp_path / "absent.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadOption, match=r"binary\.toml cannot be read"):
        parse_recipe(str(tmp_path / "binary.toml"))


def test_a_shipped_recipe_file_goes_by_its_name() -> None:
    recipe = parse_recipe("w8a8-conv-dense")
    assert (recipe.name, recipe.kind) == ("w8a8-conv-dense", "static")
    conv, other = recipe.scheme_for(frozenset({"op:conv2d"})), recipe.scheme_for(frozenset({"op:mul"}))
    assert conv is not None and (conv.weight_bits, conv.activation_bits) == (8, 8)
    assert other is None or (other.weight_bits, other.activation_bits) == (None, None)


def test_a_shipped_recipe_spares_depthwise_kernels() -> None:
    recipe = parse_recipe("w4a8-pointwise")
    bits = {
        words: recipe.scheme_for(frozenset(words)) for words in (("x", "op:conv2d"), ("x", "depthwise"), ("first",))
    }
    assert [scheme and scheme.weight_bits for scheme in bits.values()] == [4, 8, 8]
