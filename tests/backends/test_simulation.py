"""Simulation as a target: any width, no file, and at 8 bits what the runtime answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgequant import api
from edgequant.backends.simulation import Simulation, arithmetic_of
from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.core.arrays import Array, only
from edgequant.core.errors import Unsupported
from edgequant.core.grid import QParams
from edgequant.core.preprocess import normalise
from edgequant.graph.program import Captured
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.accumulate import accumulate, furthest
from edgequant.quantization.simulation.executor import IntegerExecutor
from edgequant.quantization.simulation.simulate import simulator
from edgequant.quantization.size import estimated_bytes
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve
from edgequant.store.folder import RunFolder
from edgequant.study.answering.runtime import answer
from edgequant.study.bench import Bench
from edgequant.study.making.variant import make
from edgequant.study.networks.network import prepare
from edgequant.study.plan import plan_variants
from edgequant.study.study import NetworkSpec, Study
from edgequant.train.settings import TrainSettings
from tflite_samples import captured, pixels

TARGET = Simulation()
EVERY_OP = captured()


def reference(recipe: str, network: Captured = EVERY_OP) -> Reference:
    parsed = parse_recipe(recipe)
    plan = resolve(network.program, parsed, "simulation", TARGET.capability)
    seen = collect(network, [pixels()], MinMax(), observed_tensors(network, plan)) if parsed.kind == "static" else {}
    return build(network, plan, seen)


def images() -> torch.Tensor:
    return torch.from_numpy(normalise(pixels(), EVERY_OP.inputs))


def scores(recipe: str) -> torch.Tensor:
    found = reference(recipe)
    with torch.inference_mode():
        return only(simulator(found, TARGET.arithmetic(found, Path()))(images()))


@pytest.mark.parametrize("bits", range(2, 17))
def test_every_width_of_activations_stays_on_its_grid(bits: int) -> None:
    found = reference(f"w8a{bits}-all")
    seen: dict[str, torch.Tensor] = {}
    IntegerExecutor(found, TARGET.arithmetic(found, Path()))(images(), visit=lambda n, q: seen.update({n: q.clone()}))
    assert len(seen) == len(EVERY_OP.program.steps)
    for name, q in seen.items():
        p = found.activations[name]
        lowest = -32768 if bits == 16 else p.low  # LiteRT's 16x8 kernels use the whole of int16
        assert q.equal(q.round()) and q.min() >= lowest and q.max() <= p.high, name


def test_more_bits_come_nearer_to_the_float_network() -> None:
    with torch.inference_mode():
        truth = only(EVERY_OP.network(images()))
    errors = [float((scores(f"w8a{bits}-all") - truth).abs().mean()) for bits in (2, 4, 6, 8, 12, 16)]
    assert errors[:4] == sorted(errors[:4], reverse=True) and errors[0] > 10 * errors[3]
    assert errors[4] == pytest.approx(errors[5], rel=0.05), "the weights' 8 bits are what is left, in either arithmetic"
    weights = [float((scores(f"w{bits}a16-all") - truth).abs().mean()) for bits in (2, 4, 8)]
    assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize(
    ("bits", "family"), [(2, "xnnpack"), (8, "xnnpack"), (9, "wide"), (15, "wide"), (16, "builtin")]
)
def test_the_widths_of_a_step_choose_its_arithmetic(bits: int, family: str) -> None:
    found = reference(f"w8a{bits}-all")
    assert {arithmetic_of(found, step).name for step in EVERY_OP.program.steps} == {family}


def test_sums_of_sixteen_bits_do_not_overflow() -> None:
    """At the ends of both grids a + b is 65,534 steps, and its fixed-point product passes 2^31."""
    from edgequant.quantization.simulation.arithmetic import Operands
    from edgequant.quantization.simulation.kernels.builtin import BUILTIN
    from edgequant.quantization.simulation.kernels.wide import WIDE

    step = next(s for s in EVERY_OP.program.steps if s.kind == "add")
    ends, grid = torch.tensor([[32767.0, -32767.0]]), QParams(1e-4, 0, 16)
    for arithmetic in (BUILTIN, WIDE):
        total = arithmetic.ops["add"](Operands(step, [ends, ends.clone()], [grid, grid], QParams(2e-4, 0, 16)))
        assert total.tolist() == [[32767.0, 0.0]], "the sum halved; a ReLU is fused behind it"
        product = arithmetic.ops["mul"](Operands(step, [ends, ends.clone()], [grid, grid], QParams(3.2767e-4, 0, 16)))
        assert abs(float(product[0, 0]) - 32767) <= 1


@pytest.mark.parametrize("recipe", ["float16", "w4", "w8"])
def test_recipes_without_activations_run_on_the_weights_that_would_be_stored(recipe: str) -> None:
    with torch.inference_mode():
        assert 0 < float((scores(recipe) - only(EVERY_OP.network(images()))).abs().max()) < 0.2


def test_it_has_no_file_and_says_what_has() -> None:
    assert not TARGET.capability.ships and TARGET.capability.suffix == ""
    for call in (
        lambda: TARGET.lower(reference("w8a8"), Path("x")),
        lambda: TARGET.open(Path("x")),
        lambda: TARGET.inspect(Path("x")),
    ):
        with pytest.raises(Unsupported, match=r"Target simulation .*litert or onnxruntime"):
            call()


def test_dynamic_quantization_is_a_runtimes_business() -> None:
    with pytest.raises(Unsupported, match="simulation cannot run dynamic-w8: the scales of activations"):
        resolve(EVERY_OP.program, parse_recipe("dynamic-w8"), "simulation", TARGET.capability)


@pytest.mark.parametrize(
    ("recipe", "bits", "bias"), [("w8a8", 8, 4), ("w4a4-all", 4, 4), ("w3a8-all", 3, 4), ("w8a16", 8, 8), ("w8", 8, 4)]
)
def test_the_estimate_is_packed_weights_scales_and_biases(recipe: str, bits: int, bias: int) -> None:
    layers = [EVERY_OP.network.layer(step.layer) for step in EVERY_OP.program.layers]
    packed = sum(-(-layer.weight.numel() * bits // 8) for layer in layers)
    channels = sum(len(layer.weight) for layer in layers)
    biases = sum(len(layer.bias) for layer in layers if layer.bias is not None)
    assert estimated_bytes(reference(recipe)) == packed + 4 * channels + bias * biases


def test_a_float_network_weighs_four_bytes_a_parameter_and_float16_two() -> None:
    count = sum(p.numel() for p in EVERY_OP.network.parameters())
    assert (estimated_bytes(reference("float32")), estimated_bytes(reference("float16"))) == (4 * count, 2 * count)


@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_no_order_of_a_sum_goes_further_than_the_bound(zero_point: int) -> None:
    source, rng = QParams(0.1, zero_point), np.random.default_rng(0)
    weight, bias = torch.from_numpy(rng.integers(-127, 128, (4, 9))), torch.tensor([100, -100, 0, 5])
    largest = 0.0
    for _ in range(200):
        x = torch.from_numpy(rng.choice([source.low, source.high], 9)) - zero_point
        order = torch.from_numpy(rng.permutation(9))
        largest = max(largest, float(((weight * x)[:, order].cumsum(1) + bias[:, None]).abs().max()))
    assert largest <= furthest(weight, bias, source) <= float((weight.abs().sum(1) * 255 + bias.abs()).max())


def test_a_sum_past_float32_is_still_exact() -> None:
    """4,608 products of 255 and 127 pass 2^24: the layer is summed in pieces, of images that lie channels-last."""
    from edgequant.core.image import InputSpec
    from edgequant.graph.capture.capture import capture

    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(512, 2, 3), nn.Linear(2, 2)
            nn.init.constant_(self.conv.weight, 1.0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.conv(x).mean((2, 3)))

    network = capture(Wide().eval(), InputSpec(512, 4, 4), ("a", "b"))
    plan = resolve(network.program, parse_recipe("w8a8"), "simulation", TARGET.capability)
    bright = np.full((1, 4, 4, 512), 255, np.uint8)
    found = build(network, plan, collect(network, [bright], MinMax(), observed_tensors(network, plan)))
    executor = IntegerExecutor(found, TARGET.arithmetic(found, Path()))
    product = executor.products["conv"] if "conv" in executor.products else next(iter(executor.products.values()))
    x = torch.full((1, 512, 4, 4), 127.0).contiguous(memory_format=torch.channels_last)
    assert product.weight.dtype == torch.float32 and len(product.pieces.channels) > 1
    assert accumulate(product, x).unique().tolist() == [4608 * 127 * 127 + float(b) for b in product.bias.unique()]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Array]:
    """The scores of a trained network's w8a8 on the 360 test images: LiteRT's, and the simulation's."""
    train = TrainSettings(epochs=2, batch=64, augment=())
    spec = NetworkSpec(model="micro_cnn", data="digits", train=train)
    study = Study(name="both", recipes=("w8a8",), targets=("litert", "simulation"), network=(spec,))
    with RunFolder(tmp_path_factory.mktemp("both") / "run") as run:
        bench = Bench(study, run)
        network = prepare(bench, spec)
        variants = plan_variants(study, [(spec, network)])
        found = {variant.id: only(answer(bench, make(bench, variant)).outputs) for variant in variants}
        found["labels"] = bench.judging(network).labels
        assert len(list(run.steps.glob("calibrate-*"))) == 1, "two targets share the statistics"
        return found


def test_simulated_8_bits_are_the_runtimes(answered: dict[str, Array]) -> None:
    file, simulated = answered["litert-w8a8"], answered["simulation-w8a8"]
    assert len(file) == 360 and np.array_equal(file, simulated)
    assert (file.argmax(1) == answered["labels"]).mean() > 0.5, "a network that learnt nothing proves nothing"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> api.Result:
    out = tmp_path_factory.mktemp("alone") / "run"
    return api.quantize("micro_cnn", "digits", "w4a4", "simulation", out, weights="random", quick=20)


def test_a_simulated_variant_has_no_file_and_nothing_timed(alone: api.Result) -> None:
    base, simulated = alone.run.results["variants"]
    nothing = (*("file", "sha256", "bytes", "latency_ms", "latency_ms_all_threads"), "peak_memory_bytes", "kernels")
    assert simulated["status"] == "ok" and not [key for key in (*nothing, "parity") if simulated[key] is not None]
    assert simulated["baseline_id"] == base["id"] == "simulation-float32" and base["drop"] == 0.0
    assert simulated["size_ratio"] == base["bytes_estimated"] / simulated["bytes_estimated"] > 3
    assert simulated["compression"]["model"] == simulated["size_ratio"] and simulated["n"] == 20


def test_a_simulated_variant_is_never_the_one_to_ship(alone: api.Result) -> None:
    assert alone.file is None and alone.run.results["recommended"] is None
    assert "Every variant is simulated" in alone.run.results["recommendation_reason"]
    text = (alone.run.folder / "report.md").read_text()
    assert "ok, simulated" in text and "No file is recommended" in text
