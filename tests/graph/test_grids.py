"""Where a requantization stands, and where it need not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.api import quantize
from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.core.arrays import only
from edgequant.core.errors import BadOption
from edgequant.core.grid import choose_qparams
from edgequant.core.image import Deployment, InputSpec
from edgequant.core.preprocess import input_range
from edgequant.graph.capture.capture import capture
from edgequant.graph.deploy import deployed
from edgequant.graph.ending import logits, squashes
from edgequant.quantization.build import build, observed_tensors
from edgequant.recipe.recipe import Recipe, Rule, parse_recipe
from edgequant.recipe.resolve import names, resolve
from edgequant.recipe.scheme import Capability
from stated import RAW

SPEC = InputSpec(4, 6, 6)
ANY = Capability(frozenset({"static"}), frozenset({8}), frozenset({8, 16}))
Body = Callable[[torch.Tensor], torch.Tensor]


class Head(nn.Module):
    def __init__(self, body: Body, channels: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.conv, self.fc = body, nn.Conv2d(4, 4, 1), nn.Linear(channels, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.body(self.conv(x)).mean((2, 3)))  # type: ignore[no-any-return]


def s(x: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(x)


APART: dict[str, tuple[Body, int, int]] = {  # body, its channels, requantizations
    "gate and features": (lambda x: torch.cat([s(x), x], 1), 8, 1),
    "two ranges that are prescribed": (lambda x: torch.cat([s(x), torch.tanh(x)], 1), 8, 2),
    "one range that is prescribed": (lambda x: torch.cat([s(x), torch.softmax(x, 1)], 1), 8, 0),
    "pooled": (lambda x: torch.cat([F.max_pool2d(s(x), 3, 1, 1), x], 1), 8, 1),
    "pooled alone": (lambda x: F.max_pool2d(s(x), 2), 4, 0),
    "read twice, needed once": (lambda x: torch.cat([torch.cat([s(x), s(x + 1)], 1), x], 1), 12, 1),
    "twice in one": (lambda x: torch.cat([y := s(x), y, x], 1), 12, 1),
    "padded by a number of the grid": (lambda x: F.pad(s(x), (1, 1), value=0.5), 4, 0),
    "padded by another": (lambda x: F.pad(s(x), (1, 1), value=-1.0), 4, 1),
    "features alone": (lambda x: torch.cat([x, torch.relu(x)], 1), 8, 0),
}


@pytest.mark.parametrize("name", APART)
def test_a_prescribed_grid_has_its_tensors_to_itself(name: str) -> None:
    body, channels, wanted = APART[name]
    captured = capture(Head(body, channels), SPEC, ())
    found = [step for step in captured.program.steps if step.kind == "requantize"]
    assert len(found) == wanted
    plan = resolve(captured.program, parse_recipe("w8a8"), "test", ANY)
    x = np.random.default_rng(0).integers(0, 256, (8, 6, 6, 4)).astype(np.uint8)
    made = build(captured, plan, collect(captured, [x], MinMax(), observed_tensors(captured, plan)))
    fixed = {"sigmoid": (1 / 256, -128), "softmax": (1 / 256, -128), "tanh": (1 / 128, 0)}
    for step in captured.program.steps:
        if step.kind in fixed:
            grid = made.activations[step.name]
            assert (grid.scale, grid.zero_point) == fixed[step.kind]


def test_the_image_keeps_the_grid_of_its_bytes() -> None:
    """An app feeds bytes as they are: a concatenation with features must not change what they mean."""

    class Skip(Head):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(torch.cat([x, 9 * self.conv(x)], 1).mean((2, 3)))  # type: ignore[no-any-return]

    captured = deployed(capture(Skip(s, 8), SPEC, ()), Deployment(input="uint8"))
    plan = resolve(captured.program, parse_recipe("w8a8"), "test", ANY)
    x = np.random.default_rng(0).integers(0, 256, (8, 6, 6, 4)).astype(np.uint8)
    made = build(captured, plan, collect(captured, [x], MinMax(), observed_tensors(captured, plan)))
    assert made.activations[captured.program.input] == choose_qparams(*input_range(SPEC), 8, False)
    assert made.activations[captured.program.input].scale == 1 / 128


def test_a_requantization_goes_by_the_rules_of_what_reads_it() -> None:
    captured = capture(Head(APART["gate and features"][0], 8), SPEC, ())
    between = next(step for step in captured.program.steps if step.kind == "requantize")
    assert "op:cat" in names(captured.program, between)
    wide = Rule("op:cat", parse_recipe("w8a16").rules[0].scheme)
    recipe = Recipe("mixed", "static", (*parse_recipe("w8a8").rules, wide))
    assert resolve(captured.program, recipe, "test", ANY).tensors[between.name] == 16


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_logits_are_what_comes_before_the_last_step(kind: str) -> None:
    function = {"softmax": lambda x: torch.softmax(x, 1), "sigmoid": torch.sigmoid}[kind]

    class Ending(Head):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return function(super().forward(x))

    whole = capture(Ending(s, 4), SPEC, ())
    assert squashes(whole.program) == kind
    cut = deployed(whole, Deployment(output="logits", input="uint8"))
    assert squashes(cut.program) == "" and cut.deployed == Deployment(input="uint8")
    x = torch.randn(4, *SPEC.shape)
    with torch.no_grad():
        torch.testing.assert_close(function(only(cut.network(x))), only(whole.network(x)))
    with pytest.raises(BadOption, match="ends in linear, so its scores are logits already"):
        logits(cut)


class Gated(nn.Module):
    """Its answer hangs on the features, which a gate's grid of 0..1 would cut off."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(1, 8, 3, padding=1)
        self.c, self.head = nn.Conv2d(16, 16, 3), nn.Linear(16 * 36, 10)
        self.a.weight.data.mul_(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = torch.cat([torch.relu(self.a(x)), torch.sigmoid(self.b(x))], 1)
        return self.head(torch.relu(self.c(both)).flatten(1))  # type: ignore[no-any-return]


def test_a_gate_beside_features_loses_nothing(tmp_path: Path) -> None:
    """Trained for seconds on digits and measured in the runtime: once the features were clipped to [0, 1)."""
    from edgequant.data.classes.digits import read_digits

    pixels, labels = read_digits()
    x = torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2).sub(128).div(128)
    y, network = torch.from_numpy(labels), Gated()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for step in range(120):
        some = slice(step % 4 * 450, step % 4 * 450 + 450)
        loss = nn.functional.cross_entropy(network(x[some]), y[some])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    result = quantize(network.eval(), "digits", "w8a8", "litert", tmp_path / "run", **RAW)
    found = {v["recipe"]: v for v in result.run.results["variants"]}
    assert found["float32"]["top1"] > 0.95
    assert abs(found["w8a8"]["drop"]) < 1 and found["w8a8"]["parity"]["exact_fraction"] == 1
