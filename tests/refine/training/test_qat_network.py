"""The network that is trained computes what the integer executor computes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgequant.core.arrays import only
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.executor import IntegerExecutor
from edgequant.quantization.simulation.kernels.builtin import BUILTIN
from edgequant.quantization.simulation.kernels.xnnpack import XNNPACK
from edgequant.quantization.simulation.simulate import with_stored_weights
from edgequant.recipe.recipe import Recipe, Rule
from edgequant.recipe.scheme import Scheme
from edgequant.refine.adaround import AdaRound
from edgequant.refine.training.layout import has_free_zero_point, into_cells, learned_groups, trained_weights
from edgequant.refine.training.learned import learned
from edgequant.refine.training.network import FakeQuantized
from edgequant.refine.training.oscillation import Freezing
from qat_samples import pixels, trained
from refine_samples import captured, fingerprint, per_tensor, reference_of, silent, tensors, unchanged

MIXED = Recipe("mixed", "static", (Rule("*", Scheme(4, 8)), Rule("block.2", None), Rule("head", None)))
RECIPES = {"w8a8": 0.97, "w4a4-all": 0.995, "w4a8": 0.97, "w3a5-all": 0.99, "w8a16": 0.5}


def network_of(reference: Reference, **freezing: float) -> FakeQuantized:
    return FakeQuantized(reference, Freezing(**freezing)).eval()


def executed(reference: Reference, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every integer tensor as reals."""
    seen: dict[str, torch.Tensor] = {}

    def visit(name: str, q: torch.Tensor) -> None:
        p = reference.activations[name]
        seen[name] = (q - p.zero_point) * p.scale

    wide = any(p.bits > 8 for p in reference.activations.values())
    IntegerExecutor(reference, BUILTIN if wide else XNNPACK)(x, visit)
    return seen


@pytest.mark.parametrize("recipe", [*RECIPES, "per tensor", "mixed"])
def test_its_tensors_are_the_executors(recipe: str) -> None:
    asked = {"per tensor": per_tensor(8), "mixed": MIXED}.get(recipe, recipe)
    reference = reference_of(trained(), asked, pixels=pixels())
    network, x = network_of(reference), tensors(pixels(32))
    network.keep = tuple(s.name for s in network.program.steps)
    with torch.no_grad():
        network(x)
    wanted = executed(reference, x)
    assert wanted.keys() == {s.name for s in network.program.steps if reference.runs_in_integers(s)}
    for name, want in wanted.items():
        steps = (network.kept[name] - want).abs() / reference.activations[name].scale
        assert float((steps < 0.5).float().mean()) >= RECIPES.get(recipe, 0.97), name
        assert float(steps.max()) < (100 if recipe == "w8a16" else 3.5), name


@pytest.mark.parametrize("recipe", ["w8", "w4"])
def test_without_activations_it_is_the_network_on_its_stored_weights(recipe: str) -> None:
    reference = reference_of(trained(), recipe, pixels=pixels())
    x = tensors(pixels(16))
    with torch.no_grad():
        torch.testing.assert_close(network_of(reference)(x), only(with_stored_weights(reference)(x)))


def test_untrained_it_gives_back_the_reference_it_was_made_of() -> None:
    for recipe in ("w8a8", "w4a4-all", MIXED):
        reference = reference_of(trained(), recipe, pixels=pixels())
        before = fingerprint(reference)
        found = learned(network_of(reference))
        assert found.activations == reference.activations and unchanged(before, reference)
        for name, weight in reference.weights.items():
            assert torch.equal(found.weights[name].q, weight.q) and torch.equal(found.weights[name].scale, weight.scale)


def test_it_starts_from_the_rounding_of_a_refiner_before_it() -> None:
    plain = reference_of(trained(), "w3a8", pixels=pixels())
    rounded = AdaRound(iterations=30).reference(plain, pixels(), silent)
    assert any(not torch.equal(rounded.weights[n].q, plain.weights[n].q) for n in plain.weights)
    found = learned(network_of(rounded))
    assert all(torch.equal(found.weights[n].q, rounded.weights[n].q) for n in rounded.weights)


def test_what_a_rule_leaves_in_float_has_no_grid_and_keeps_its_fate() -> None:
    reference = reference_of(trained(), MIXED, pixels=pixels())
    network = network_of(reference)
    assert set(network.trained) == {"stem.0", "block.0", "block.4", "down.0"} == set(trained_weights(reference))
    fates = {f.name: (f.fate, f.reason) for f in learned(network).layers}
    assert fates["block.2"][0] == fates["head"][0] == "float"
    assert fates["stem.0"][1] == "qat: 0.0% of the integers changed, scales x1.00 to x1.00"


def test_tensors_that_share_parameters_share_what_is_learned() -> None:
    reference = reference_of(trained(), "w8a8", pixels=pixels())
    groups = learned_groups(reference)
    assert network_of(reference).program.input not in groups
    assert len(network_of(reference).log_scale) == len(groups) < len(reference.activations)


def test_a_zero_point_is_learned_where_a_grid_reaches_below_zero() -> None:
    reference = reference_of(trained(), "w8a8", pixels=pixels())
    free = {g for g in learned_groups(reference) if has_free_zero_point(reference, g)}
    assert free and all(reference.activations[g].zero_point > -128 for g in free)
    wide = reference_of(trained(), "w8a16", pixels=pixels())
    assert not any(has_free_zero_point(wide, g) for g in learned_groups(wide))


def test_gradients_reach_all_that_is_learned_and_the_input_is_left_alone() -> None:
    network = network_of(reference_of(trained(), "w4a4-all", pixels=pixels())).train()
    x = tensors(pixels(32))
    kept = x.clone()
    network(x).square().sum().backward()
    missing = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not [name for name in missing if "zero_shift" not in name]  # nothing may be clipped at one end
    assert torch.equal(x, kept)


def test_scales_stop_when_it_is_time_and_flipping_weights_are_counted() -> None:
    network = network_of(reference_of(trained(), "w4a8-all", pixels=pixels()), scales_at=0.5).train()
    for step, learns in ((0, True), (4, True), (5, False), (9, False)):
        network.begin(step, 10)
        assert all(p.requires_grad == learns for p in network.log_scale.values())
        assert all(p.requires_grad == learns for p in network.weight_log_scale.values())
    assert len(network.oscillation) == len(network.trained)
    assert not len(network_of(network.reference, frequency=0.0).oscillation)
    assert not len(network_of(reference_of(trained(), "w8a8", pixels=pixels())).oscillation)


def test_a_frozen_weight_is_exported_where_it_is_held() -> None:
    network = network_of(reference_of(trained(), "w4a8-all", pixels=pixels()))
    history = network._oscillation("stem/0")
    history.frozen[0], history.value[0] = True, 3
    assert bool((learned(network).weights["stem.0"].q[0] == 3).all())


def test_the_scale_that_ran_away_is_named() -> None:
    network = network_of(reference_of(trained(), "w8a8", pixels=pixels()))
    network.weight_log_scale["block/4"].data[2] = 3.0
    assert network.furthest_scale() == ("block.4", pytest.approx(20.0855, rel=1e-4))
    network.log_scale["relu"].data.fill_(float("nan"))
    assert network.furthest_scale()[0] == "the tensor relu"
    assert network_of(reference_of(trained(), "float32", pixels=pixels())).furthest_scale() == ("none", 1.0)


def test_scores_before_a_final_softmax_are_what_is_trained() -> None:
    class Probabilities(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(192, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.softmax(self.head(x.flatten(1)), 1)

    reference = reference_of(captured(Probabilities()), "w8a8", pixels=pixels())
    with torch.no_grad():
        scores = network_of(reference)(tensors(pixels(8)))
    assert float(scores.min()) < 0


def test_weights_stay_in_the_cells_of_their_integers() -> None:
    q = torch.tensor([[3, -7, 7, 0]], dtype=torch.int8)
    weight = torch.tensor([[0.26, -1.5, 0.72, 0.05]])  # in steps of 0.1: 2.6, -15, 7.2, 0.5
    found = into_cells(weight, q, torch.tensor([0.1]), 4)
    torch.testing.assert_close(found, torch.tensor([[0.26, -1.5, 0.72, 0.0499]]))
    other = into_cells(weight, torch.tensor([[2, -7, 7, 1]], dtype=torch.int8), torch.tensor([0.1]), 4)
    torch.testing.assert_close(other, torch.tensor([[0.245, -1.5, 0.72, 0.055]]))
