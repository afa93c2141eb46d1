"""What one step of a network is made of in a given recipe: its weights, and the grids its values lie on.

The simulation here is the float one (fake quantization): real numbers snapped to the grids that the file will have.
It ranks layers in a fraction of the time; what a file answers is the integer executor's business, which judges the
result of every search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ..core.grid import QParams
from ..graph.ops.table import OPS
from ..graph.program import Captured, Step
from ..quantization.build import Ranges, build
from ..quantization.reference import Reference
from ..quantization.simulation.simulate import dequantize_weight
from ..recipe.recipe import Recipe, Rule
from ..recipe.resolve import resolve
from ..recipe.scheme import Capability, Scheme

ANY = Capability(
    kinds=frozenset({"static"}), weight_bits=frozenset(range(2, 9)), activation_bits=frozenset(range(2, 17))
)


@dataclass(frozen=True, eq=False)
class Form:
    """None leaves that part as the float network has it. `source` is the grid of the first input."""

    weight: torch.Tensor | None = None  # (O, ...) float32, integers times scale
    source: QParams | None = None
    out: QParams | None = None


Forms = Mapping[str, Form]  # step name -> form; a step that is missing runs in float
FLOAT = Form()


def uniform(captured: Captured, observers: Ranges, weight_bits: int, activation_bits: int) -> Reference:
    """The reference with every layer at these widths, the first and the last too."""
    recipe = Recipe(
        f"w{weight_bits}a{activation_bits}-all", "static", (Rule("*", Scheme(weight_bits, activation_bits)),)
    )
    return build(captured, resolve(captured.program, recipe, "simulation", ANY), observers)


def alone(reference: Reference) -> dict[str, Form]:
    """For each layer, its form where the rest of the network stays in float: it snaps what it reads and makes."""
    known = reference.activations
    return {
        step.name: Form(_weight(reference, step), known.get(step.inputs[0]), known.get(step.name))
        for step in reference.captured.program.layers
    }


def together(reference: Reference) -> dict[str, Form]:
    """For every step, its form where all are quantized: each snaps what it makes, and reads what was snapped."""
    program, known = reference.captured.program, reference.activations
    # the rest leaves values on the grid they are on; average pooling and bilinear upsampling do not: they round
    computed = [step for step in program.steps if not OPS[step.kind].keeps_grid]
    forms = {step.name: Form(_weight(reference, step), None, known.get(step.name)) for step in computed}
    for step in program.steps:
        if program.input in step.inputs:  # nobody made it: its readers snap it
            forms[step.name] = Form(forms.get(step.name, FLOAT).weight, known.get(program.input), known.get(step.name))
    return forms


def _weight(reference: Reference, step: Step) -> torch.Tensor | None:
    found = reference.weights.get(step.layer) if step.weighted else None
    return None if found is None else dequantize_weight(found)
