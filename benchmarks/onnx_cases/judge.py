"""What the reader makes of a random graph, and what capture makes of that, against ONNX Runtime."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch

from edgequant.core.arrays import only
from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.models.sources.onnx.network import OnnxNetwork

from .random_graphs import Case

RTOL = 1e-4  # of the largest value of a result


@dataclass(frozen=True)
class Verdict:
    """`kind`: right, refused, wrong; `captured` the same through capture, where the network is right."""

    kind: str
    why: str = ""
    captured: str = ""
    captured_why: str = ""


def judge(case: Case, through_capture: bool = True) -> Verdict:
    """Images one by one are judged in a file for one image."""
    images = torch.from_numpy(case.x)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            network = OnnxNetwork(case.model, "drawn.onnx").eval()
            images = images.permute(0, 3, 1, 2) if network.turned else images  # as the file itself turns them
            got = network(images).numpy()
    except BadModel as error:
        return Verdict("refused", str(error))
    off = differs(got, case.wanted)
    if off:
        return Verdict("wrong", off)
    if not through_capture or case.x.ndim != 4:
        return Verdict("right")
    return Verdict("right", "", *_captured(case, network, images))


def _captured(case: Case, network: OnnxNetwork, images: torch.Tensor) -> tuple[str, str]:
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            found = capture(torch.nn.Sequential(network, torch.nn.Flatten()), InputSpec(*images.shape[1:]), ())
            got = only(found.network(images)).numpy()
    except BadModel as error:
        return "refused", str(error)
    except Exception as error:
        return "crashed", f"{type(error).__name__}: {error}"
    off = differs(got, case.wanted.reshape(len(case.wanted), -1))
    return ("wrong", off) if off else ("right", "")


def differs(got: np.ndarray, wanted: np.ndarray) -> str:
    """Empty where all values are the same to `RTOL` of the largest."""
    if got.shape != wanted.shape:
        return f"shape {got.shape} for {wanted.shape}"
    most = float(np.abs(got - wanted).max())
    allowed = RTOL * max(float(np.abs(wanted).max()), 1e-2)
    return "" if most <= allowed else f"off by {most:.3g}, largest {np.abs(wanted).max():.3g}"
