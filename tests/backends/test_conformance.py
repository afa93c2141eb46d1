"""One suite over the op table: a row is tested because it is there.

Each sample is captured (which compares it with its module), then run in floats, in the integer executor, in LiteRT with
and without XNNPACK, and in ONNX Runtime. Integers are compared one by one.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch

import litert_samples as samples
import op_samples
from edgequant.backends.contract import AbstractBackend
from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.litert.mirror import Mirror
from edgequant.backends.onnxruntime.backend import OnnxRuntime
from edgequant.backends.tflite.read.read import read
from edgequant.calibrate.calibrator import AbstractObserver
from edgequant.core.arrays import only
from edgequant.core.errors import BadFile, Unsupported
from edgequant.graph.ops.table import OPS
from edgequant.graph.program import Captured
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.executor import IntegerExecutor
from edgequant.quantization.simulation.kernels.wide import WIDE
from edgequant.quantization.simulation.simulate import with_stored_weights
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve
from op_samples import LACKS, NETS, SPEC, WRITE_ONLY

LITERT, PLAIN, ONNX = LiteRT(), LiteRT(delegate=False), OnnxRuntime()
INTEGER_CASES: dict[str, tuple[AbstractBackend, str]] = {
    "litert w8a8": (LITERT, "w8a8"),
    "litert w8a16": (LITERT, "w8a16"),
    "litert w8a8, no delegate": (PLAIN, "w8a8"),
    "onnxruntime w8a8": (ONNX, "w8a8"),
}


@functools.cache
def calibrated(name: str) -> tuple[Captured, dict[str, AbstractObserver]]:
    return samples.calibrate(op_samples.net(name), SPEC)


def reference(name: str, recipe: str, target: AbstractBackend) -> Reference:
    captured, seen = calibrated(name)
    plan = resolve(captured.program, parse_recipe(recipe), "test", target.capability)
    return build(captured, plan, {t: seen[t] for t in observed_tensors(captured, plan)})


def truth(network: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return only(network(torch.from_numpy(x))).numpy()  # type: ignore[no-any-return]


def test_every_row_of_the_op_table_has_a_sample() -> None:
    assert {step.kind for name in NETS for step in calibrated(name)[0].program.steps} == OPS.keys()


@pytest.mark.parametrize("case", INTEGER_CASES)
@pytest.mark.parametrize("name", NETS)
def test_the_files_integers_are_the_executors(name: str, case: str, tmp_path: Path) -> None:
    target, recipe = INTEGER_CASES[case]
    made, x = reference(name, recipe, target), samples.images(SPEC)
    if (case, name) in LACKS:
        with pytest.raises(Unsupported, match=LACKS[case, name]):
            samples.lowered(made, tmp_path, target)
        return
    path = samples.lowered(made, tmp_path, target)
    executor = only(IntegerExecutor(made, target.arithmetic(made, path))(torch.from_numpy(x))).numpy()
    np.testing.assert_array_equal(only(target.open(path).run_quantized(x)), executor)
    out = made.activations[made.captured.program.only.tensor]
    wanted = truth(made.captured.network, x[:8])  # the images that calibration saw
    assert np.abs((executor[:8] - out.zero_point) * out.scale - wanted).mean() < 0.06 * np.ptp(wanted)


@pytest.mark.parametrize("name", NETS)
def test_a_file_is_read_back_or_refused_by_name(name: str, tmp_path: Path) -> None:
    path, x = samples.lowered(reference(name, "w8a8", LITERT), tmp_path), samples.images(SPEC)[:4]
    if name in WRITE_ONLY:
        with pytest.raises(BadFile, match=WRITE_ONLY[name]):
            read(path)
        return
    found = only(Mirror(read(path)).run_quantized(x))
    np.testing.assert_array_equal(only(LITERT.open(path).run_quantized(x)), found)


@pytest.mark.parametrize("name", NETS)
def test_float_files_compute_the_network(name: str, tmp_path: Path) -> None:
    x = samples.images(SPEC)[:4]
    for target in (LITERT, ONNX):
        made = reference(name, "float32", target)
        file = only(target.open(samples.lowered(made, tmp_path, target)).run(x))
        np.testing.assert_allclose(file, truth(made.captured.network, x), rtol=1e-4, atol=5e-5)


@pytest.mark.parametrize("recipe", ["float16", "w8", "dynamic-w8"])
@pytest.mark.parametrize("name", NETS)
def test_other_files_compute_with_the_weights_they_store(name: str, recipe: str, tmp_path: Path) -> None:
    made, x = reference(name, recipe, LITERT), samples.images(SPEC)[:2]
    file = only(LITERT.open(samples.lowered(made, tmp_path)).run(x))
    wanted = truth(with_stored_weights(made), x)
    assert np.abs(file - wanted).max() < (0.1 if recipe == "dynamic-w8" else 1e-3) * np.ptp(wanted)


@pytest.mark.parametrize("name", NETS)
def test_any_width_is_simulated(name: str) -> None:
    """On integers of 12 bits, which no runtime has: nearer to the network than 8 bits allow."""
    from edgequant.backends.simulation import Simulation

    made, x = reference(name, "w8a12", Simulation()), samples.images(SPEC)[:8]
    executor = only(IntegerExecutor(made, WIDE)(torch.from_numpy(x))).numpy()
    out, wanted = made.activations[made.captured.program.only.tensor], truth(with_stored_weights(made), x)
    assert np.abs((executor - out.zero_point) * out.scale - wanted).mean() < 0.01 * np.ptp(wanted)
