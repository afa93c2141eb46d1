"""The source check: the captured network answers as its source does in its own runtime, or is refused.

On noise, and on images of the data set where they are at hand. In float32 first, which settles nearly all networks;
what differs there by more than rounding usually does is judged in float64 (see `exact`): the module against the
captured network, both made and run in float64; a file's runtime, which has float32 alone, by whether the rounding of
float32, measured, explains the difference.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import torch
from torch import fx, nn

from ...core.arrays import only
from ...core.errors import BadModel
from ...core.image import InputSpec
from ..parse.builder import Builder
from ..parse.nodes import place
from ..parse.parsers import PARSERS
from ..program import Network
from .exact import DISTURBED, FACTOR, run_exact, uncertainty
from .judge import Judge

Samples = Mapping[str, torch.Tensor]  # "noise", "images of the data set" -> (N, C, H, W) float32, normalised
ROUNDING = 2e-5  # of the largest answer: what differs by less in float32 is the same network
EXACT = 1e-8  # the same in float64
DOUBLE = 2.0**-52 / DISTURBED  # how much smaller float64's disturbances are than those of float32
FEW = 4  # images that are judged in float64
CERTAIN = 0.1  # of the largest answer: where rounding may be more, equal answers prove nothing
APART = 1e-3  # of the largest value: a tensor on the way that is farther off is the first that differs


@dataclass(frozen=True)
class Captive:
    """What was captured, and of what. `graph` is the exported module; None where the module is a program already."""

    module: nn.Module
    graph: fx.GraphModule | None
    network: Network
    inputs: InputSpec

    @cached_property
    def builder(self) -> Builder | None:
        """The walk over the graph once more, with float64 from the first constant on."""
        return None if self.graph is None else Builder(self.graph, PARSERS, torch.float64)

    @cached_property
    def exact(self) -> Network:
        """The captured network in float64."""
        if self.builder is None:
            return copy.deepcopy(self.network).double()
        return Network(self.builder.program(self.inputs), self.builder.layers.modules).eval()

    def answers(self, images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            scores: torch.Tensor = only(self.network(images.cpu()))
        return scores

    def exact_answers(self, images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            scores: torch.Tensor = only(self.exact(images.cpu().double()))
        return scores


def check_module(captive: Captive, samples: Samples) -> None:
    """Raises BadModel where the captured network does not compute what the module computes in PyTorch."""
    if captive.graph is None:
        return
    for what, images in samples.items():
        with torch.no_grad():
            wanted = captive.module(images.clone()).cpu()  # it may write to them
        if not _close(wanted, captive.answers(images)):
            _check_exactly(captive, what, images[:FEW], wanted[:FEW])


def check_judge(captive: Captive, judge: Judge, samples: Samples) -> None:
    """Raises BadModel where the captured network does not answer as the source's own runtime does."""
    certain = False
    for what, images in samples.items():
        taken = torch.from_numpy(judge.takes(images.cpu().numpy()))
        wanted = torch.from_numpy(np.asarray(judge.scores(taken.numpy()), np.float32))
        got = captive.answers(taken)
        if wanted.shape == got.shape and _close(wanted, got):
            certain = True
            continue
        if not torch.isfinite(wanted).all() and not torch.isfinite(got).all():
            continue  # float32 overflows in both, and proves nothing
        few = taken[:FEW]
        exact, allowed = _allowed(captive, few)
        if wanted.shape != got.shape or not _within(wanted[:FEW], exact, allowed):
            _refuse_file(captive, judge, what, few, (wanted[:FEW], exact))
        certain = certain or allowed < CERTAIN * _largest(exact)
    if not certain:
        raise BadModel(
            f"Whether the network as read is the one that {judge.runtime} runs cannot be told: on"
            f" {' and on '.join(samples)} a rounding in the last place of float32 changes its scores altogether."
            " Expected a network that float32 can compute; look at its weights, and at the mean and std of its images."
        )


def _check_exactly(captive: Captive, what: str, images: torch.Tensor, wanted: torch.Tensor) -> None:
    """In float64 the two are equal, and what float32 gave is explained by its rounding."""
    assert captive.graph is not None
    truth, exact = run_exact(captive.graph, images), captive.exact_answers(images)
    if not torch.isfinite(truth).all():
        raise BadModel(
            f"The network answers NaN or infinity on {what}, in float64 too. Expected numbers: look at its weights and"
            " at the mean and std of its images."
        )
    exact, allowed = _allowed(captive, images)
    if not _within(exact, truth, max(EXACT * _largest(truth), allowed * DOUBLE)):
        _refuse_module(captive, what, images, (truth, exact))
    if torch.isfinite(wanted).all() and not _within(wanted, truth, allowed):
        raise BadModel(
            f"On {what} the module's scores differ from those of the program that torch.export made of it by"
            f" {_apart(wanted, truth):.3g} (largest score {_largest(truth):.3g}; rounding explains {allowed:.2g})."
            " A network whose answers depend on the image batch alone was expected: no state, no chance."
        )


def _allowed(captive: Captive, images: torch.Tensor) -> tuple[torch.Tensor, float]:
    """The answers in float64, and how far from them float32 may be."""
    exact = captive.exact_answers(images)
    measured = float(uncertainty(captive.exact, images.cpu().double(), exact))
    return exact, FACTOR * measured + ROUNDING * _largest(exact)


def _close(wanted: torch.Tensor, got: torch.Tensor) -> bool:
    return _within(wanted, got, ROUNDING * _largest(wanted))


def _within(wanted: torch.Tensor, got: torch.Tensor, allowed: float) -> bool:
    return _apart(wanted, got) <= allowed  # NaN is not


def _apart(wanted: torch.Tensor, got: torch.Tensor) -> float:
    return float((wanted.detach().double() - got.detach().double()).abs().max())


def _largest(values: torch.Tensor) -> float:
    return max(float(values.detach().abs().max()), 1e-6)


# The first tensor that differs


def _refuse_module(captive: Captive, what: str, images: torch.Tensor, scores: tuple[Any, Any]) -> NoReturn:
    found = _first_of_module(captive, images[:1]) or "nothing on the way differs by as much"
    raise BadModel(
        f"The captured network is not the model: {found}; {_scores(what, scores)}. This is a fault of edgequant's."
        " Write that part of the network with other operations, and report it."
    )


def _first_of_module(captive: Captive, images: torch.Tensor) -> str:
    """Where the exported graph and the captured network part, both in float64."""
    builder, shown = captive.builder, {}
    assert builder is not None and captive.graph is not None
    run_exact(captive.graph, images, lambda node, made: shown.update({node.name: made.clone()}))
    with torch.no_grad():
        got = captive.exact.tensors(images.cpu().double())
    last = {value.tensor: (node, value.view) for node, value in builder.values.items()}
    for step in captive.exact.program.steps:
        node, view = last.get(step.name, (None, None))
        if node is None or view is None or step.name in builder.stale or node.name not in shown:
            continue
        wanted = shown[node.name].flatten(1)
        seen = got[step.name].flatten(1)[:, view.indices().flatten()]
        if not _within(wanted, seen, 1e-6 * _largest(wanted)):
            return f"{node.target} ({place(node)}) is the first that differs, {_figures(wanted, seen)}"
    return ""


def _refuse_file(captive: Captive, judge: Judge, what: str, images: torch.Tensor, scores: tuple[Any, Any]) -> NoReturn:
    found = _first_of_file(captive, judge, images[:1]) or "no tensor on the way is known to differ"
    raise BadModel(
        f"The network as read is not the one that {judge.runtime} runs: {found}; {_scores(what, scores)}. Export that"
        " part of it with other operations, or give the network in another form (path/to/file.py:factory), and report"
        " it."
    )


def _first_of_file(captive: Captive, judge: Judge, images: torch.Tensor) -> str:
    ours: Any = getattr(captive.module, "tensors", None)
    if ours is None:
        return ""
    with torch.no_grad():
        got = {name: value for name, value in ours(images).items() if isinstance(value, torch.Tensor)}
    for name, values in judge.tensors(images.numpy()).items():
        wanted = torch.from_numpy(np.array(values, np.float32))
        if name not in got or not wanted.numel():
            continue
        if wanted.shape != got[name].shape:
            shapes = f"{tuple(wanted.shape)} there and {tuple(got[name].shape)} here"
            return f"the tensor {name!r} is the first that differs, {shapes}"
        if not _within(wanted, got[name], APART * _largest(wanted)):
            return f"the tensor {name!r} is the first that differs, {_figures(wanted, got[name])}"
    return ""


def _figures(wanted: torch.Tensor, got: torch.Tensor) -> str:
    return f"by up to {_apart(wanted, got):.3g} (largest value {_largest(wanted):.3g})"


def _scores(what: str, scores: tuple[torch.Tensor, torch.Tensor]) -> str:
    wanted, got = scores
    if wanted.shape != got.shape:
        return f"on {what} the scores have the shape {tuple(wanted.shape[1:])} there and {tuple(got.shape[1:])} here"
    return f"on {what} the scores differ by up to {_apart(wanted, got):.3g} (largest score {_largest(wanted):.3g})"
