"""ARM under user-mode emulation: the runner there and the same integers as here.

Needs EDGEQUANT_AARCH64_PYTHON: a program that runs an aarch64 Python with numpy and ai-edge-litert, for example

    #!/bin/sh
    export PYTHONHOME=ROOT/usr PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}SITE" EDGEQUANT_PYTHON="$0"
    exec qemu-aarch64 -L ROOT ROOT/usr/bin/python3.11 "$@"

with Debian's arm64 packages of Python unpacked in ROOT and the wheels in SITE. The runtimes read /proc/cpuinfo and
crash on an x86 machine's: put an ARM one in ROOT/proc/cpuinfo.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from device_samples import SPEC, answers, evaluation, pixels, write
from edgequant.backends.tflite.read.read import read
from edgequant.core.arrays import Array, only
from edgequant.core.preprocess import normalise
from edgequant.devices.local import Local
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.kernels.pick import arithmetic_for
from edgequant.quantization.simulation.simulate import simulator

PYTHON = os.environ.get("EDGEQUANT_AARCH64_PYTHON", "")


@pytest.mark.skipif(not PYTHON, reason="EDGEQUANT_AARCH64_PYTHON names no emulated Python")
@pytest.mark.parametrize("delegate", [True, False])
def test_arm_gives_the_same_integers(delegate: bool) -> None:
    there = Local(python=PYTHON).run(evaluation(delegate=delegate), lambda *_: None)
    here = Local().run(evaluation(delegate=delegate), lambda *_: None)
    assert there.record["machine"]["architecture"] == "aarch64"
    assert np.array_equal(answers(there.files), answers(here.files))


@pytest.mark.skipif(not PYTHON, reason="EDGEQUANT_AARCH64_PYTHON names no emulated Python")
def test_arms_builtin_kernels_answer_what_is_simulated_for_them(tmp_path: Path) -> None:
    """They round once where x86 rounds twice: other integers, and the same as their own simulation."""
    there = answers(Local(python=PYTHON).run(evaluation(20, delegate=False), lambda *_: None).files)
    reference = read(write(tmp_path), SPEC.mean, SPEC.std).reference
    assert np.array_equal(there, rounded(reference, "aarch64"))


def rounded(reference: Reference, architecture: str) -> Array:
    """The integers that the simulation of that machine's builtin kernels gives for the images of `evaluation`."""
    out = reference.activations[reference.captured.program.only.tensor]
    network = simulator(reference, arithmetic_for(frozenset(), architecture))
    with torch.inference_mode():
        scores = only(network(torch.from_numpy(normalise(pixels(20), SPEC)))).numpy()
    return np.rint(scores / np.float32(out.scale)).astype(np.int64) + out.zero_point
