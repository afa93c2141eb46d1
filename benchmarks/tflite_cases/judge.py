"""What the reader makes of a random .tflite, against LiteRT."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edgequant.backends.litert.mirror import Mirror
from edgequant.backends.tflite.read.read import read
from edgequant.core.arrays import only
from edgequant.core.errors import EdgequantError

from .random_files import Case

RTOL = 1e-4  # of the largest value of a result in floats


@dataclass(frozen=True)
class Verdict:
    """`kind`: right, refused, wrong, crashed."""

    kind: str
    why: str = ""


def judge(case: Case) -> Verdict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "drawn.tflite")
        path.write_bytes(case.file)
        try:
            return _judged(case, path)
        except EdgequantError as error:
            return Verdict("refused", str(error).replace(f"{path}: ", ""))
        except Exception as error:
            return Verdict("crashed", f"{type(error).__name__}: {error}")


def _judged(case: Case, path: Path) -> Verdict:
    imported = read(path)
    x = torch.from_numpy(case.x.transpose(0, 3, 1, 2).copy())
    if not case.integer:
        with torch.no_grad():
            return Verdict(*_floats(only(imported.reference.captured.network(x)).numpy(), case.wanted))
    p = imported.reference.activations[imported.reference.captured.program.input]
    reals = (x.double() - p.zero_point) * p.scale
    return Verdict(*_integers(only(Mirror(imported).run_quantized(reals.float().numpy())), case.wanted))


def _floats(got: np.ndarray, wanted: np.ndarray) -> tuple[str, str]:
    if got.shape != wanted.shape:
        return "wrong", f"shape {got.shape} for {wanted.shape}"
    most, allowed = float(np.abs(got - wanted).max()), RTOL * max(float(np.abs(wanted).max()), 1e-2)
    return ("right", "") if most <= allowed else ("wrong", f"off by {most:.3g}, largest {np.abs(wanted).max():.3g}")


def _integers(got: np.ndarray, wanted: np.ndarray) -> tuple[str, str]:
    if got.shape != wanted.shape:
        return "wrong", f"shape {got.shape} for {wanted.shape}"
    most = int(np.abs(got.astype(int) - wanted.astype(int)).max())
    return ("right", "") if most == 0 else ("wrong", f"off by {most} steps in {np.mean(got != wanted):.0%}")
