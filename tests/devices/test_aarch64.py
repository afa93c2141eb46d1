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

import numpy as np
import pytest
from device_samples import answers, evaluation

from edgequant.devices.local import Local

PYTHON = os.environ.get("EDGEQUANT_AARCH64_PYTHON", "")


@pytest.mark.skipif(not PYTHON, reason="EDGEQUANT_AARCH64_PYTHON names no emulated Python")
@pytest.mark.parametrize("delegate", [True, False])
def test_arm_gives_the_same_integers(delegate: bool) -> None:
    there = Local(python=PYTHON).run(evaluation(delegate=delegate), lambda *_: None)
    here = Local().run(evaluation(delegate=delegate), lambda *_: None)
    assert there.record["machine"]["architecture"] == "aarch64"
    assert np.array_equal(answers(there.files), answers(here.files))
