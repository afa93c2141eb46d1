"""Concatenations of branches of any kind and size: what shares a grid, what does not, and what is rescaled."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from edgequant.backends.contract import AbstractBackend
from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.onnxruntime.backend import OnnxRuntime
from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.core.arrays import only
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured
from edgequant.quantization.build import Ranges, build, observable
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.executor import IntegerExecutor
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import Plan, resolve
from edgequant.refine.branches import LEAST_SQNR, balanced, shared
from refine_samples import images, tensors

SPEC = InputSpec(3, 6, 6)
IMAGES = images(48, spec=SPEC)
BACKENDS: tuple[AbstractBackend, ...] = (LiteRT(), OnnxRuntime())
KINDS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "conv": lambda x: x,
    "relu": torch.relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: torch.softmax(x, 1),
    "hard_swish": F.hardswish,
    "pooled sigmoid": lambda x: F.max_pool2d(torch.sigmoid(x), 3, 1, 1),
    "pooled": lambda x: F.avg_pool2d(torch.relu(x), 3, 1, 1, count_include_pad=False),
    "sum": lambda x: torch.relu(x) + 0.5,
}


class Branches(nn.Module):
    """A convolution, a gain and an operation for each branch; the layer behind divides the gains out."""

    def __init__(self, kinds: Sequence[str], gains: Sequence[float], seed: int = 0, ends: str = "conv") -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.kinds, self.ends = kinds, ends
        self.parts = nn.ModuleList(nn.Conv2d(3, 4, 3, padding=1) for _ in kinds)
        self.both = nn.Conv2d(4 * len(kinds), 8, 3, padding=1)
        self.head = nn.Linear(8, 5)
        for i, (part, gain) in enumerate(zip(self.parts, gains)):
            for parameter in part.parameters():
                parameter.data *= gain
            self.both.weight.data[:, 4 * i : 4 * i + 4] /= max(gain, 1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([KINDS[kind](part(x)) for kind, part in zip(self.kinds, self.parts)], 1)
        if self.ends == "output":
            return x.mean((2, 3))
        return self.head(torch.relu(self.both(F.max_pool2d(x, 2))).mean((2, 3)))  # type: ignore[no-any-return]


@functools.cache
def seen(kinds: tuple[str, ...], gains: tuple[float, ...], ends: str = "conv") -> tuple[Captured, Ranges]:
    captured = capture(Branches(kinds, gains, ends=ends).eval(), SPEC, ())
    return captured, ranges(captured)


def ranges(captured: Captured) -> Ranges:
    return collect(captured, [IMAGES], MinMax(), observable(captured.program))


def plan_of(captured: Captured, target: AbstractBackend, recipe: str = "w8a8") -> Plan:
    return resolve(captured.program, parse_recipe(recipe), "test", target.capability)


def made(captured: Captured, observers: Ranges, target: AbstractBackend) -> tuple[Reference, dict[str, str]]:
    """As the pipeline makes it."""
    plan = plan_of(captured, target)
    other, notes = balanced(captured, plan, observers)
    return build(other, plan, observers if other is captured else ranges(other)), notes


def answers(reference: Reference) -> torch.Tensor:
    """(N, classes) reals, simulated."""
    out = reference.activations[reference.captured.program.only.tensor]
    from edgequant.quantization.simulation.kernels.xnnpack import XNNPACK

    return (only(IntegerExecutor(reference, XNNPACK)(tensors(IMAGES, SPEC))) - out.zero_point) * out.scale


def sqnr(reference: Reference) -> float:
    with torch.no_grad():
        wanted = only(reference.captured.network(tensors(IMAGES, SPEC)))
    return float(10 * torch.log10(wanted.var() / (answers(reference) - wanted).square().mean()))


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.floats(-1.5, 3)), min_size=2, max_size=4),
    st.integers(0, 1000),
)
def test_any_branches(tmp_path: Path, branches: list[tuple[str, float]], seed: int) -> None:
    """Every grid holds its tensors, every branch keeps its resolution or a reason is given, and files answer alike."""
    kinds, gains = [kind for kind, _ in branches], [10**exponent for _, exponent in branches]
    captured = capture(Branches(kinds, gains, seed).eval(), SPEC, ())
    observers = ranges(captured)
    for target in BACKENDS:
        reference, notes = made(captured, observers, target)
        holds_everything(reference)
        now = reference.captured
        for group in shared(now, plan_of(now, target), ranges(now)):
            scale = reference.activations[group[0].tensor].scale
            short = [b for b in group if b.sqnr(scale) < LEAST_SQNR - 1]  # a range seen anew is a little another
            assert not short or any("not rescaled further" in note for note in notes.values())
        path = target.lower(reference, tmp_path / f"net{target.capability.suffix}").path
        x = tensors(IMAGES, SPEC)[:8]
        executor = only(IntegerExecutor(reference, target.arithmetic(reference, path))(x)).numpy()
        np.testing.assert_array_equal(only(target.open(path).run_quantized(x.numpy())), executor)
        with torch.no_grad():
            torch.testing.assert_close(only(now.network(x)), only(captured.network(x)), rtol=0, atol=0)


def holds_everything(reference: Reference) -> None:
    """Within a step, at which the grid's zero point is rounded."""
    with torch.no_grad():
        values = reference.captured.network.run_all(tensors(IMAGES, SPEC), keep=True)
    for tensor, p in reference.activations.items():
        low, high = (p.low - p.zero_point) * p.scale, (p.high - p.zero_point) * p.scale
        assert low - p.scale <= float(values[tensor].min()) and float(values[tensor].max()) <= high + p.scale, tensor


def test_branches_of_one_size_are_left_alone() -> None:
    for kinds in (("relu", "relu", "pooled"), ("relu", "sigmoid", "tanh"), ("conv", "relu6")):
        captured, observers = seen(kinds, (1.0,) * len(kinds))
        found, notes = balanced(captured, plan_of(captured, LiteRT()), observers)
        assert found is captured and notes == {}


@pytest.mark.parametrize("large", ["relu", "conv", "pooled", "sum"])
@pytest.mark.parametrize("small", ["relu", "sigmoid", "hard_swish", "softmax"])
def test_a_small_branch_beside_a_large_one(small: str, large: str) -> None:
    captured, observers = seen((large, small), (512.0, 1.0))
    plain = build(captured, plan_of(captured, LiteRT()), observers)
    rescaled, notes = made(captured, observers, LiteRT())
    assert sqnr(rescaled) > 24 and sqnr(rescaled) > sqnr(plain) + 6
    assert any("shares a grid with" in note and "rescaled into the layers behind" in note for note in notes.values())


def test_what_stands_in_the_way_is_said() -> None:
    captured, observers = seen(("hard_swish", "sigmoid"), (512.0, 1.0))
    found, notes = balanced(captured, plan_of(captured, LiteRT()), observers)
    assert found is captured
    assert notes["parts.1"].endswith("not rescaled further: sigmoid makes it (sigmoid)")
    captured, observers = seen(("relu", "relu"), (512.0, 1.0), "output")
    found, notes = balanced(captured, plan_of(captured, LiteRT()), observers)
    assert found is captured and "nothing behind the network's output" in notes["parts.1"]


def test_sixteen_bits_have_room_for_both() -> None:
    captured, observers = seen(("relu", "sigmoid"), (512.0, 1.0))
    assert balanced(captured, plan_of(captured, LiteRT(), "w8a16"), observers)[1] == {}


def test_a_layer_that_is_called_again_keeps_its_weights() -> None:
    class Twice(Branches):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.cat([torch.relu(self.parts[0](x)), torch.sigmoid(self.parts[1](x))], 1)
            return self.head(torch.relu(self.both(torch.relu(self.both(x)))).mean((2, 3)))  # type: ignore[no-any-return]

    captured = capture(Twice(("relu", "sigmoid"), (512.0, 1.0)).eval(), SPEC, ())
    found, notes = balanced(captured, plan_of(captured, LiteRT()), ranges(captured))
    assert found is captured and "both reads it, and is called more than once" in notes["parts.1"]
