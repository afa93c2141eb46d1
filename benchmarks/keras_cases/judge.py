"""What the reader makes of a random Keras model, against Keras' own call."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch

from edgequant.core.errors import BadModel
from edgequant.models.sources.keras.network import translate

from .random_models import Case

RTOL = 1e-4  # of the largest value of a result


@dataclass(frozen=True)
class Verdict:
    """`kind`: right, refused, wrong, crashed."""

    kind: str
    why: str = ""


def judge(case: Case) -> Verdict:
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            network = translate(case.model, skip=False)[0].eval()
            got = network(case.x if case.first else case.x.permute(0, 3, 1, 2)).numpy()
    except BadModel as error:
        return Verdict("refused", str(error))
    except Exception as error:
        return Verdict("crashed", f"{type(error).__name__}: {error}")
    wanted = case.wanted.transpose(0, 3, 1, 2) if case.wanted.ndim == 4 and not case.first else case.wanted
    if got.shape != wanted.shape:
        return Verdict("wrong", f"shape {got.shape} for {wanted.shape}")
    most, allowed = float(np.abs(got - wanted).max()), RTOL * max(float(np.abs(wanted).max()), 1e-2)
    return (
        Verdict("right")
        if most <= allowed
        else Verdict("wrong", f"off by {most:.3g}, largest {np.abs(wanted).max():.3g}")
    )
