"""What is known to go wrong with a recipe on a kind of network, said before anybody trusts the file."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.blocks import has_squeeze_and_excitation, has_swish
from ...recipe.recipe import parse_recipe
from ..plan import recipes_of
from ..prepared import Prepared
from ..study import NetworkSpec, Study


def risks(study: Study, networks: Sequence[tuple[NetworkSpec, Prepared]]) -> list[str]:
    """A line a network: dynamic int8 where published files of such networks lost their accuracy."""
    return [line for spec, network in networks if (line := _dynamic(study, spec, network))]


def _dynamic(study: Study, spec: NetworkSpec, network: Prepared) -> str:
    asked = [r for r in recipes_of(study, spec) if parse_recipe(r.partition("+")[0]).kind == "dynamic"]
    program = network.captured.program
    if not asked or not has_squeeze_and_excitation(program) or not has_swish(program):
        return ""
    return (
        f"{network.name} has squeeze-and-excitation blocks and SiLU or hard-swish. Dynamic int8 has cost such networks"
        f" their accuracy in published files: look at the drop of {', '.join(asked)} before it ships."
    )
