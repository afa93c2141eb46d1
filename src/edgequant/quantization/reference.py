"""The hinge of the design: one network with its final integer parameters, which every backend lowers."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.grid import QParams, WeightQ
from ..graph.program import Captured, Step
from ..recipe.scheme import LayerFate, RecipeKind


@dataclass(frozen=True)
class Reference:
    """The captured graph and the parameters of each quantized tensor. Nothing is left to decide.

    `activations` maps a node of the graph to the parameters of the tensor it makes; a node that is
    missing makes a float tensor, or one that never exists (an op whose activation is fused into it).
    `weights` maps a layer (a convolution's or linear layer's module path) to its integers.
    """

    captured: Captured
    recipe: str
    kind: RecipeKind
    activations: dict[str, QParams] = field(default_factory=dict)
    weights: dict[str, WeightQ] = field(default_factory=dict)
    layers: tuple[LayerFate, ...] = ()

    @property
    def float_layers(self) -> tuple[str, ...]:
        """The layers that a static recipe leaves in float."""
        return tuple(fate.name for fate in self.layers if fate.fate == "float")

    @property
    def all_integer(self) -> bool:
        """Whether every step runs in integers, from the quantized input to the quantized output."""
        return all(self.runs_in_integers(step) for step in self.captured.program.steps)

    def runs_in_integers(self, step: Step, inputs: tuple[str, ...] | None = None) -> bool:
        """Whether all tensors of the step have parameters, and its weights are integers.

        `inputs` stands for the step's own where a backend reads other tensors (a merged padding).
        """
        known = step.name in self.activations and all(t in self.activations for t in inputs or step.inputs)
        return known and (not step.weighted or step.layer in self.weights)
