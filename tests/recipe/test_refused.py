"""What a recipe asks in vain is refused before any work: rules about no layer, kernels that some layers lack."""

from __future__ import annotations

import pytest

from edgequant.backends.litert.backend import LiteRT
from edgequant.core.errors import BadOption, Unsupported
from edgequant.recipe.recipe import Recipe, Rule, parse_recipe
from edgequant.recipe.scheme import Scheme
from recipe_samples import planned

LITERT = LiteRT.capability


def mixed(*where: str, scheme: Scheme | None = None) -> Recipe:
    """w8a8 with rules of one's own."""
    return Recipe("mine", "static", (Rule("*", Scheme(8, 8)), *(Rule(w, scheme or Scheme(8, 8)) for w in where)))


@pytest.mark.parametrize(("where", "nearest"), [("sted", "stem"), ("heads.*", "head"), ("op:conv", "op:conv2d")])
def test_a_rule_about_no_layer_is_refused_with_the_nearest_name(where: str, nearest: str) -> None:
    with pytest.raises(BadOption, match=f"No layer matches '{where.replace('*', '[*]')}'.*mean '{nearest}'") as caught:
        planned(mixed("stem", where))
    assert "\n" not in str(caught.value) and "Layers: stem, deep, side, head." in str(caught.value)


@pytest.mark.parametrize("where", ["stem", "s*", "op:mean", "depthwise", "first", "last", "*"])
def test_a_rule_about_some_layer_is_not(where: str) -> None:
    assert planned(mixed(where)).recipe.rules[-1].where == where


@pytest.mark.parametrize("recipe", [parse_recipe("w2a8"), mixed("side", scheme=Scheme(2, 8))])
def test_convolutions_of_2_bits_are_refused_when_the_recipe_is_resolved(recipe: Recipe) -> None:
    with pytest.raises(Unsupported, match=r"2-bit weights with 8-bit activations.*Give convolutions 4 or 8 bits"):
        planned(recipe, LITERT, "litert")


def test_linear_layers_of_2_bits_are_not() -> None:
    assert planned(mixed("head", scheme=Scheme(2, 8)), LITERT, "litert").schemes


def test_depthwise_layers_of_4_bits_at_16_bit_activations_are_refused() -> None:
    with pytest.raises(Unsupported, match=r"layers like deep .depthwise., which w4a16 asks.*Give depthwise layers 8"):
        planned(parse_recipe("w4a16"), LITERT, "litert")
    spared = Recipe("mine", "static", (Rule("*", Scheme(4, 16)), Rule("depthwise", Scheme(8, 16))))
    assert planned(spared, LITERT, "litert").schemes
    assert planned(parse_recipe("w4a8"), LITERT, "litert").schemes
