"""A recipe against a network and a target: what each layer and each tensor will be, before any work is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from ..core.errors import BadOption, Unsupported
from ..graph.ops.table import OPS
from ..graph.program import Program, Step
from .recipe import Recipe
from .scheme import Capability, LayerFate, Scheme

EVERY_NETWORK = ("*", "first", "last", "depthwise")  # rules that recipes with names are made of
WORDS = "op:KIND, depthwise, first or last"


@dataclass(frozen=True)
class Plan:
    """Bits of every tensor that becomes integers, and the scheme of every layer.

    `groups` maps a tensor to the name of the group whose parameters it shares; all tensors of a
    group have the same bits.
    """

    recipe: Recipe
    schemes: Mapping[str, Scheme]  # step name -> scheme, for every step
    tensors: Mapping[str, int]  # tensor -> bits; a tensor that is missing stays float
    groups: Mapping[str, str]
    symmetric: frozenset[str]  # tensors with zero point 0


def resolve(program: Program, recipe: Recipe, target: str, can: Capability) -> Plan:
    """Raises Unsupported where the target lacks a kernel that the recipe asks, BadOption for a rule about no layer."""
    if recipe.kind not in can.kinds:
        raise Unsupported(
            f"{target} cannot run {recipe.name}: {can.notes.get(recipe.kind, f'no {recipe.kind} kernels')}."
        )
    _check_rules(recipe, program)
    schemes = {step.name: recipe.scheme_for(names(program, step)) or Scheme(None, None) for step in program.steps}
    _check(recipe, schemes, program, target, can)
    if recipe.kind != "static":
        return Plan(recipe, schemes, {}, {}, frozenset())
    groups = sharing(program)
    bits = _bits(program, schemes, groups)
    symmetric = frozenset(bits) if can.symmetric_activations else _symmetric(program, schemes, groups, bits)
    return Plan(recipe, schemes, bits, groups, symmetric)


def names(program: Program, step: Step) -> frozenset[str]:
    """What a rule may call this step. A requantization is a part of the one step that reads it."""
    if step.kind == "requantize":
        return names(program, program.users(step.name)[0])
    words = {step.layer or step.name, f"op:{step.kind}"}
    if step.weighted:
        real = [s for s in program.layers if not (s.attrs.get("normalises") or s.attrs.get("affine"))]
        ends = (real or list(program.layers))[0], (real or list(program.layers))[-1]
        words |= {"first"} if step is program.layers[0] or step is ends[0] else set()
        words |= {"last"} if step is program.layers[-1] or step is ends[1] else set()
        if step.attrs.get("depthwise"):
            words.add("depthwise")
    return frozenset(words)


def _check_rules(recipe: Recipe, program: Program) -> None:
    """Raises BadOption where a rule matches nothing: a typing error would else leave a layer as it was, in silence."""
    known = {word: None for step in program.steps for word in sorted(names(program, step))}
    for rule in recipe.rules:
        if rule.where not in EVERY_NETWORK and not any(fnmatchcase(word, rule.where) for word in known):
            layers = [step.layer for step in program.layers]
            close = get_close_matches(rule.where, known, n=1, cutoff=0.0)
            raise BadOption(
                f"No layer matches {rule.where!r}, a rule of the recipe {recipe.name!r}. Did you mean {close[0]!r}?"
                f" Layers: {_some(layers)}. A rule takes a layer's path, a glob, or {WORDS}."
            )


def _some(layers: list[str], count: int = 8) -> str:
    more = f", and {len(layers) - count} more" if len(layers) > count else ""
    return ", ".join(layers[:count]) + more


def _check(recipe: Recipe, schemes: Mapping[str, Scheme], program: Program, target: str, can: Capability) -> None:
    for step in program.layers:
        scheme = schemes[step.name]
        if scheme.weight_bits is None:
            continue
        if scheme.weight_bits not in can.weight_bits:
            raise Unsupported(
                f"{target} has no {scheme.weight_bits}-bit weights, which {recipe.name} asks of {step.layer}."
                f" It has {_list(can.weight_bits)}. Use target `simulation`, or another recipe."
            )
        if recipe.kind == "static" and scheme.activation_bits is not None:
            _check_pair(recipe, (scheme.weight_bits, scheme.activation_bits), step, target, can)
            _check_layer(recipe, (scheme.weight_bits, scheme.activation_bits), step, names(program, step), target, can)


def _check_pair(recipe: Recipe, pair: tuple[int, int], step: Step, target: str, can: Capability) -> None:
    if pair[1] not in can.activation_bits or (can.weight_activation is not None and pair not in can.weight_activation):
        raise Unsupported(
            f"{target} has no kernel for {pair[0]}-bit weights with {pair[1]}-bit activations, which {recipe.name}"
            f" asks of {step.layer}. It has activations of {_list(can.activation_bits)}. Use target `simulation`."
        )


def _check_layer(
    recipe: Recipe, pair: tuple[int, int], step: Step, words: frozenset[str], target: str, can: Capability
) -> None:
    """Raises Unsupported for a pair that the target has for other layers."""
    for lack in can.lacks:
        if lack.where in words and pair[0] in lack.weight_bits and pair[1] in lack.activation_bits:
            raise Unsupported(
                f"{target} has no kernel for {pair[0]}-bit weights with {pair[1]}-bit activations in layers like"
                f" {step.layer} ({lack.where}), which {recipe.name} asks. {lack.advice}, or use target `simulation`."
            )


def _list(bits: frozenset[int]) -> str:
    return ", ".join(str(b) for b in sorted(bits)) + " bits"


def sharing(program: Program) -> dict[str, str]:
    """Tensors that must have one set of parameters, named after the first of them."""
    parent = {t: t for t in program.tensors}

    def root(t: str) -> str:
        while parent[t] != t:
            t = parent[t]
        return t

    order = {t: i for i, t in enumerate(program.tensors)}
    for step in program.steps:
        if OPS[step.kind].shares_grid:
            for other in step.inputs:
                a, b = sorted((root(step.name), root(other)), key=order.__getitem__)
                parent[b] = a
    return {t: root(t) for t in program.tensors}


def _bits(program: Program, schemes: Mapping[str, Scheme], groups: Mapping[str, str]) -> dict[str, int]:
    """The widest grid that the readers of a tensor ask for; where none asks, what its maker does."""
    asked: dict[str, int] = {}
    for step in program.steps:
        for tensor in step.inputs:
            _ask(asked, groups[tensor], schemes[step.name].activation_bits)
    for step in program.steps:
        if groups[step.name] not in asked:
            _ask(asked, groups[step.name], schemes[step.name].activation_bits)
    return {t: asked[g] for t, g in groups.items() if g in asked}


def _ask(asked: dict[str, int], group: str, bits: int | None) -> None:
    if bits is not None:
        asked[group] = max(bits, asked.get(group, 0))


def _symmetric(
    program: Program, schemes: Mapping[str, Scheme], groups: Mapping[str, str], bits: Mapping[str, int]
) -> frozenset[str]:
    asked = {
        groups[t]
        for step in program.steps
        for t in (*step.inputs, step.name)
        if schemes[step.name].symmetric_activations
    }
    return frozenset(t for t in program.tensors if groups[t] in asked or bits.get(t, 0) > 8)


def fates(program: Program, plan: Plan) -> tuple[LayerFate, ...]:
    """The record of every layer with weights."""
    return tuple(_fate(step, plan) for step in program.layers)


def _fate(step: Step, plan: Plan) -> LayerFate:
    scheme, kind = plan.schemes[step.name], plan.recipe.kind
    if kind in ("float32", "float16"):
        return LayerFate(
            step.layer, step.kind, 16 if kind == "float16" else 32, None, "", "float", f"the recipe is {kind}"
        )
    if scheme.weight_bits is None:
        reason = scheme.reason or "no rule of the recipe matches it"
        return LayerFate(step.layer, step.kind, None, plan.tensors.get(step.name), "", "float", reason)
    granularity = "per channel" if scheme.per_channel else "per tensor"
    fate = {"static": "quantized", "dynamic": "quantized on the fly"}.get(kind, "weights only")
    return LayerFate(step.layer, step.kind, scheme.weight_bits, scheme.activation_bits, granularity, fate)
