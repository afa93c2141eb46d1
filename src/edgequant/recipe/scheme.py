"""How layers are quantized, what a target can run, and what befell a layer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, final


@dataclass(frozen=True)
class Scheme:
    """How one layer is quantized. `None` bits leave that side in float.

    Weights: symmetric, `[-(2^(b-1)-1), 2^(b-1)-1]`, per output channel unless said otherwise.
    Activations: per tensor; asymmetric up to 8 bits, symmetric above (the LiteRT 16x8 rule).
    """

    weight_bits: int | None = 8
    activation_bits: int | None = 8
    per_channel: bool = True
    symmetric_activations: bool | None = None  # None: symmetric above 8 bits
    reason: str = ""  # why the layer is left (partly) in float, where it is

    @property
    def symmetric(self) -> bool:
        return (self.activation_bits or 0) > 8 if self.symmetric_activations is None else self.symmetric_activations


RecipeKind = Literal["float32", "float16", "dynamic", "weight-only", "static"]


@dataclass(frozen=True)
class Lack:
    """Kernels that a target has not, or has wrong, for layers that answer to `where` (a word of a recipe's rule)."""

    where: str
    weight_bits: frozenset[int]
    activation_bits: frozenset[int]
    advice: str  # what the recipe should ask for instead


@final
@dataclass(frozen=True)
class Gate:
    """What must hold for a file to pass; None is not asked."""

    agreement: float | None = None  # least fraction of images with the same top-1
    exact: float | None = None  # least fraction of equal output integers
    max_lsb: int | None = None  # most steps apart
    max_relative: float | None = None  # most `max_abs`, as a fraction of the reference's largest magnitude


INTEGER = Gate(agreement=0.999, exact=0.99, max_lsb=1)
MIRRORED = replace(INTEGER, agreement=1.0)  # the executor computes these kernels step by step as they do


@dataclass(frozen=True)
class Capability:
    """What a target can run. A recipe is resolved against it before any work is done."""

    kinds: frozenset[RecipeKind]
    weight_bits: frozenset[int] = frozenset({8})
    activation_bits: frozenset[int] = frozenset({8})
    weight_activation: frozenset[tuple[int, int]] | None = None  # the pairs that have a kernel; None: all
    lacks: tuple[Lack, ...] = ()  # of static recipes, where a kernel is missing for some layers only
    symmetric_activations: bool = False  # every activation has zero point 0
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    notes: dict[str, str] = field(default_factory=dict)  # kind -> why it is not there
    suffix: str = ""  # of the file; "" where there is none
    gate: Gate = INTEGER  # what a file must pass against the simulation, where every step runs in integers

    @property
    def ships(self) -> bool:
        """Whether the target makes files that a runtime runs; a simulation does not."""
        return self.suffix != ""


@dataclass(frozen=True)
class LayerFate:
    """What befell one layer: quantized with this scheme, or left alone for this named reason."""

    name: str
    op: str
    weight_bits: int | None
    activation_bits: int | None
    granularity: str
    fate: str  # "quantized", "weights only", "float"
    reason: str = ""
