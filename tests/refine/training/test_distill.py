"""A teacher in place of labels: what is learned from it, and which teachers are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.core.arrays import only
from edgequant.core.errors import BadData, BadModel, BadOption
from edgequant.core.image import InputSpec
from edgequant.refine.training.distill import Distill, hint_distance, renormalised, soft_cross_entropy
from edgequant.refine.training.network import FakeQuantized
from edgequant.refine.training.oscillation import Freezing
from edgequant.refine.training.qat import QAT
from edgequant.train.training import Teacher
from qat_samples import CLASSES, pixels, split, splits, trained, training
from refine_samples import SPEC, Residual, captured, images, reference_of, silent, tensors


def student(recipe: str = "w4a8-all") -> FakeQuantized:
    return FakeQuantized(reference_of(trained(), recipe, pixels=pixels()), Freezing())


def agreement(network: nn.Module) -> float:
    """With the float network, on images that nobody trained on."""
    x = tensors(split(200, 7).take(split(200, 7).indices))
    with torch.no_grad():
        return float((network(x).argmax(1) == only(trained().network(x)).argmax(1)).float().mean())


def with_teacher(network: nn.Module, inputs: InputSpec = SPEC, classes: tuple[str, ...] = ()) -> Any:
    return training(Path("unused"), teacher=Teacher(network, inputs, classes, "other"))


def test_without_a_label_it_learns_to_answer_as_the_network_does(tmp_path: Path) -> None:
    given = reference_of(trained(), "w2a8-all", pixels=pixels())
    unlabelled = training(tmp_path, splits=splits(labelled=False))
    taught = Distill().objective(unlabelled)
    assert taught.splits.train.labels is not None, "the answers stand for labels, so that progress can be told"
    found = QAT(epochs=4, lr=0.02).train(given, taught, silent)
    assert agreement(FakeQuantized(found, Freezing()).eval()) > agreement(FakeQuantized(given, Freezing()).eval()) + 0.2


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_soft_loss_is_hintons(temperature: float) -> None:
    logits, wanted = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    p = torch.softmax(wanted / temperature, 1)
    want = temperature**2 * (p * (p.log() - torch.log_softmax(logits / temperature, 1))).sum(1).mean()
    torch.testing.assert_close(soft_cross_entropy(logits, wanted, temperature), want)
    assert float(soft_cross_entropy(wanted, wanted, temperature)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_loss_is_a_mixture(alpha: float) -> None:
    taught, pupil = Distill(alpha=alpha, temperature=2.0).objective(training(Path("unused"))), student()
    assert taught.loss is not None
    x, y = tensors(pixels(8)), torch.arange(8) % 4
    loss, logits = taught.loss(pupil)(pupil, x, y)
    soft = soft_cross_entropy(logits, only(trained().network(x)).detach(), 2.0)
    torch.testing.assert_close(loss, alpha * soft + (1 - alpha) * F.cross_entropy(logits, y))


def test_hints_draw_the_last_feature_maps_together() -> None:
    x, y = tensors(pixels(8)), torch.arange(8) % 4
    plain, hinted = (Distill(hints=h).objective(training(Path("unused"))) for h in (0.0, 2.0))
    pupil = student()
    assert plain.loss is not None and hinted.loss is not None
    base, _ = plain.loss(pupil)(pupil, x, y)
    more, _ = hinted.loss(pupil)(pupil, x, y)
    assert pupil.keep == ("relu_3",)
    feature = trained().network.run_all(x, keep=True)["relu_3"].detach()
    torch.testing.assert_close(more, base + 2 * hint_distance(pupil.kept["relu_3"], feature))


def test_a_teacher_with_its_own_normalisation_sees_the_same_pixels() -> None:
    theirs = InputSpec(3, 8, 8, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    shown = images(4)
    torch.testing.assert_close(renormalised(tensors(shown), SPEC, theirs), tensors(shown, theirs), rtol=1e-4, atol=1e-4)
    assert renormalised(tensors(shown), SPEC, SPEC).equal(tensors(shown))


def test_a_teacher_that_gives_probabilities_is_read_as_logits() -> None:
    class Probabilities(Residual):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.softmax(super().forward(x), 1)

    plain, soft = captured(Residual()), captured(Probabilities())
    pupil, x, y = student(), tensors(pixels(8)), torch.arange(8) % 4
    losses = []
    for teacher in (plain, soft):
        taught = Distill().objective(with_teacher(teacher.network))
        assert taught.loss is not None
        losses.append(taught.loss(pupil)(pupil, x, y)[0])
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=1e-4)


class Other(nn.Module):
    """A teacher that is not captured: any module will do."""

    def __init__(self, classes: int = 4, side: int = 8) -> None:
        super().__init__()
        self.head = nn.Linear(3 * side * side, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.flatten(1))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("teacher", "options", "message"),
    [
        (Teacher(Other(7), SPEC, (), "other"), {}, "other tells 7 classes apart and the student 4"),
        (Teacher(Other(4, 16), InputSpec(3, 16, 16), (), "other"), {}, "takes images of 3x16x16 .* of 3x8x8"),
        (Teacher(Other(), SPEC, (*CLASSES[:3], "blinding"), "other"), {}, "calls a class 'blinding' .* 'brightest'"),
        (Teacher(Other(), SPEC, CLASSES, "other"), {"hints": 1.0}, "compares the last feature maps, of shape None"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(teacher: Teacher, options: dict[str, Any], message: str) -> None:
    taught = Distill(**options).objective(training(Path("unused"), teacher=teacher))
    assert taught.loss is not None
    with pytest.raises(BadModel, match=message):
        taught.loss(student())


def test_labels_that_are_not_there_cannot_be_mixed_in() -> None:
    with pytest.raises(BadData, match=r"distill:alpha=0\.5 needs labels .*distill:alpha=1"):
        Distill(alpha=0.5).objective(training(Path("unused"), splits=splits(labelled=False)))


@pytest.mark.parametrize("options", [{"alpha": 1.1}, {"alpha": -0.1}, {"temperature": 0.0}, {"hints": -1.0}])
def test_options_that_cannot_be_meant(options: dict[str, float]) -> None:
    with pytest.raises(BadOption, match="distill: "):
        Distill(**options)
