"""What each layer and each tensor will be, before any work; and that the file then is that."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from edgequant.backends.litert.backend import LiteRT
from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS
from edgequant.core.arrays import only
from edgequant.core.errors import Unsupported
from edgequant.core.preprocess import normalise
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.simulation.simulate import simulator
from edgequant.recipe.recipe import Recipe, Rule, load_recipe, parse_recipe
from edgequant.recipe.resolve import Plan, fates, names, resolve
from edgequant.recipe.scheme import Capability, Scheme
from recipe_samples import ANY, SPEC, branches, planned, program, step


def tensor_bits(plan: Plan) -> set[int]:
    return set(plan.tensors.values())


def test_the_words_by_which_a_rule_may_call_a_layer() -> None:
    assert names(program(), step("stem")) == {"stem", "op:conv2d", "first"}
    assert names(program(), step("deep")) == {"deep", "op:conv2d", "depthwise"}
    assert names(program(), step("head")) == {"head", "op:linear", "last"}
    assert "op:cat" in names(program(), step("cat")) and "first" not in names(program(), step("cat"))


def test_w8a8_makes_every_tensor_8_bits_and_none_symmetric() -> None:
    plan = planned(parse_recipe("w8a8"))
    assert set(plan.tensors) == set(program().tensors) and tensor_bits(plan) == {8}
    assert plan.symmetric == frozenset()
    assert {(s.weight_bits, s.activation_bits) for s in plan.schemes.values()} == {(8, 8)}


def test_16_bit_activations_are_symmetric() -> None:
    plan = planned(parse_recipe("w8a16"))
    assert tensor_bits(plan) == {16} and plan.symmetric == frozenset(program().tensors)


def test_the_first_layer_and_the_classifier_keep_8_bits() -> None:
    plan = planned(parse_recipe("w4a8"))
    widths = {s.layer: plan.schemes[s.name].weight_bits for s in program().layers}
    assert widths == {"stem": 8, "deep": 4, "side": 4, "head": 8}
    bare = planned(parse_recipe("w4a8-all"))
    assert {bare.schemes[s.name].weight_bits for s in program().layers} == {4}


def test_a_tensor_has_the_widest_grid_that_its_readers_ask_for() -> None:
    plan = planned(parse_recipe("w4a4"))
    assert plan.tensors[program().input] == 8, "the first layer reads it, at 8 bits"
    assert plan.tensors[step("head").inputs[0]] == 8, "the classifier reads it"
    assert plan.tensors[step("stem").name] == 4, "only layers at 4 bits read it"
    assert plan.tensors[program().only.tensor] == 8, "nobody reads it: the classifier's own"


def test_concatenated_and_pooled_tensors_share_their_parameters() -> None:
    plan, join, pool = planned(parse_recipe("w8a8")), step("cat"), step("max_pool2d")
    together = {join.name, *join.inputs, *pool.inputs}
    assert pool.name in join.inputs and len({plan.groups[t] for t in together}) == 1
    assert plan.groups[program().input] != plan.groups[join.name] != plan.groups[program().only.tensor]


def test_a_group_has_one_width_and_one_symmetry() -> None:
    """The wider wins: the side branch asks for 16 bits, so all that is concatenated with it has them."""
    rules = (Rule("*", Scheme(8, 8)), Rule("op:mean", Scheme(None, 16)))
    plan = planned(Recipe("mine", "static", rules))
    join = step("cat")
    assert {plan.tensors[t] for t in (join.name, *join.inputs)} == {16}
    assert {join.name, *join.inputs} <= plan.symmetric and program().input not in plan.symmetric


def test_a_symmetry_that_one_reader_asks_for_is_its_groups() -> None:
    rules = (Rule("*", Scheme(8, 8)), Rule("side", Scheme(8, 8, symmetric_activations=True)))
    plan = planned(Recipe("mine", "static", rules))
    assert {step("stem").name, step("side").name, step("cat").name} <= plan.symmetric
    assert program().input not in plan.symmetric


def test_a_tensor_that_nobody_wants_in_integers_stays_float() -> None:
    rules = (Rule("*", Scheme(8, 8)), Rule("head", Scheme(None, None, reason="kept")))
    plan = planned(Recipe("mine", "static", rules))
    assert program().only.tensor not in plan.tensors and step("head").inputs[0] in plan.tensors


@pytest.mark.parametrize("name", ["float32", "float16", "dynamic-w8", "w8"])
def test_only_static_recipes_have_parameters_of_tensors(name: str) -> None:
    plan = planned(parse_recipe(name))
    assert (plan.tensors, plan.groups, plan.symmetric) == ({}, {}, frozenset())


@pytest.mark.parametrize(
    ("name", "can", "message"),
    [
        ("w8a8", Capability(frozenset({"float32"})), "cannot run w8a8: no static kernels"),
        (
            "dynamic-w8",
            Capability(frozenset({"static"}), notes={"dynamic": "no interpreter"}),
            "cannot run dynamic-w8: no interpreter",
        ),
        ("w4a8", dataclasses.replace(ANY, weight_bits=frozenset({8})), "no 4-bit weights, which w4a8 asks of deep"),
        ("w8a16", dataclasses.replace(ANY, activation_bits=frozenset({8})), "8-bit weights with 16-bit activations"),
        (
            "w4a16",
            dataclasses.replace(ANY, weight_activation=frozenset({(8, 16), (4, 8)})),
            "4-bit weights with 16-bit activations, which w4a16 asks of deep",
        ),
    ],
)
def test_what_a_target_cannot_run_is_refused_with_the_layer_and_a_way_out(
    name: str, can: Capability, message: str
) -> None:
    with pytest.raises(Unsupported, match=message):
        planned(parse_recipe(name), can, "toaster")


def test_what_a_target_can_run_is_not_refused() -> None:
    only = dataclasses.replace(ANY, weight_bits=frozenset({4, 8}), weight_activation=frozenset({(8, 8), (4, 8)}))
    assert planned(parse_recipe("w4a8"), only) == planned(parse_recipe("w4a8"))


@pytest.mark.parametrize("target", list(BACKENDS))
def test_every_target_runs_float32_and_w8a8_and_refuses_what_it_does_not_list(target: str) -> None:
    can = BACKENDS.get(target).capability
    for name in ("float32", "w8a8"):
        assert resolve(program(), parse_recipe(name), target, can).recipe.name == name
    for weight in range(2, 9):
        if weight not in can.weight_bits:
            with pytest.raises(Unsupported, match=f"no {weight}-bit weights"):
                resolve(program(), parse_recipe(f"w{weight}a8-all"), target, can)


@pytest.mark.parametrize(
    ("name", "fate", "weight_bits", "activation_bits"),
    [
        ("float32", "float", 32, None),
        ("float16", "float", 16, None),
        ("dynamic-w8", "quantized on the fly", 8, None),
        ("w8", "weights only", 8, None),
        ("w8a8", "quantized", 8, 8),
        ("w8a16", "quantized", 8, 16),
    ],
)
def test_the_fate_of_every_layer_is_recorded(
    name: str, fate: str, weight_bits: int, activation_bits: int | None
) -> None:
    found = fates(program(), planned(parse_recipe(name)))
    assert [(f.name, f.op) for f in found] == [(s.layer, s.kind) for s in program().layers]
    assert {(f.fate, f.weight_bits, f.activation_bits) for f in found} == {(fate, weight_bits, activation_bits)}
    assert all(f.reason for f in found) == (fate == "float"), "a layer in float has its reason, another needs none"
    assert {f.granularity for f in found} == ({""} if fate == "float" else {"per channel"})


def test_a_layer_that_no_rule_matches_stays_in_float_and_says_so() -> None:
    plan = planned(Recipe("mine", "static", (Rule("stem", Scheme(8, 8, per_channel=False)),)))
    by_name = {f.name: f for f in fates(program(), plan)}
    assert (by_name["stem"].fate, by_name["stem"].granularity) == ("quantized", "per tensor")
    assert (by_name["head"].fate, by_name["head"].reason) == ("float", "no rule of the recipe matches it")


FLOAT_LAYER = """
[[rules]]
where = "{where}"
float = true
reason = "it is sensitive"
"""


@pytest.mark.parametrize("where", ["side", "first", "last", "depthwise"])
def test_a_layer_left_in_float_runs_in_litert_as_simulated(where: str, tmp_path: Path) -> None:
    """From the recipe's file to the runtime's answers: the rest of the network stays in integers."""
    (tmp_path / "mixed.toml").write_text(FLOAT_LAYER.format(where=where), encoding="utf-8")
    recipe, backend, network = load_recipe(tmp_path / "mixed.toml"), LiteRT(), branches()
    plan = resolve(network.program, recipe, "litert", backend.capability)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3)).astype(np.uint8)
    reference = build(network, plan, collect(network, [pixels], MinMax(), observed_tensors(network, plan)))
    layer = {"side": "side", "first": "stem", "last": "head", "depthwise": "deep"}[where]
    assert reference.float_layers == (layer,) and layer not in reference.weights
    assert next(f.reason for f in reference.layers if f.name == layer) == "it is sensitive"

    path = tmp_path / "mixed.tflite"
    backend.lower(reference, path)
    held = {t["type"] for t in backend.inspect(path)["tensors"]}
    assert {"INT8", "FLOAT32"} <= {str(kind).upper() for kind in held}
    x = normalise(pixels, SPEC)
    theirs = only(backend.open(path).run(x))
    with torch.inference_mode():
        ours = only(simulator(reference, backend.arithmetic(reference, path))(torch.from_numpy(x))).numpy()
    step_size = (
        reference.activations[network.program.only.tensor].scale if where != "last" else float(np.abs(ours).max())
    )
    assert np.abs(theirs - ours).max() <= (1.01 if where != "last" else 1e-4) * step_size
    assert (theirs.argmax(1) == ours.argmax(1)).mean() >= 0.95
