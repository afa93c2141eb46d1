"""The refiner that prunes: it meets its target, training mends, an interruption changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgequant.catalog import DATASETS, MODELS
from edgequant.core.errors import BadData, BadOption
from edgequant.core.image import InputSpec
from edgequant.data.dataset import Splits
from edgequant.data.splits import Subset
from edgequant.refine.training import prune as module_of
from edgequant.refine.training.channels import count, rebuild
from edgequant.refine.training.prune import Prune
from edgequant.train.loop import fit
from edgequant.train.settings import TrainSettings
from edgequant.train.training import Teacher, Training

SHORT = TrainSettings(epochs=6, batch=50, lr=0.1, augment=())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, InputSpec, Splits]:
    model, data = MODELS.build("micro_cnn:width=0.5"), DATASETS.build("digits")
    inputs = model.inputs(data.image_shape())
    splits = data.load(inputs)
    splits = replace(splits, validation=Subset(splits.validation, np.arange(100)))
    torch.manual_seed(0)
    network = model.build(inputs, 10)
    fit(network, splits, inputs, SHORT, tmp_path_factory.mktemp("float"))
    return network, inputs, splits


def copy_of(network: nn.Module) -> nn.Module:
    again = MODELS.build("micro_cnn:width=0.5").build(InputSpec(1, 8, 8), 10)
    again.load_state_dict(network.state_dict())
    return again.eval()


def training(trained: Any, folder: Path, said: list[str] | None = None) -> Training:
    network, inputs, splits = trained
    teacher = Teacher(copy_of(network), inputs, splits.classes)
    return Training(splits, teacher, folder, SHORT, say=(said if said is not None else []).append)


def accuracy(network: nn.Module, trained: Any) -> float:
    from edgequant.core.preprocess import normalise

    _, inputs, splits = trained
    images, labels = next(iter(splits.validation.batches(100)))
    with torch.no_grad():
        return float((network(torch.from_numpy(normalise(images, inputs))).argmax(1).numpy() == labels).mean())


def test_channels_go_and_training_mends(trained: Any, tmp_path: Path) -> None:
    network, inputs, _ = trained
    small, said = copy_of(network), []
    options = Prune(keep=0.6, round_to=1, epochs=3, steps=2, lr=0.05)
    history = options.shrink(small, inputs, training(trained, tmp_path, said), lambda _d, _t: None)
    assert count(small, inputs.shape, "params") <= 0.6 * count(network, inputs.shape, "params")
    assert accuracy(small, trained) > accuracy(network, trained) - 0.1 > 0.6
    assert sum("of the params left" in line for line in said) == 2
    assert [line.split(":")[0].strip() for line in said if "epoch" in line] == [
        "prune part 1, epoch 1/1",
        "prune part 2, epoch 1/2",
        "prune part 2, epoch 2/2",
    ]
    again = copy_of(network)
    rebuild(again, inputs.shape, history)
    again.load_state_dict(small.state_dict())
    assert accuracy(again, trained) == accuracy(small, trained)


def test_an_interruption_changes_nothing(trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, inputs, _ = trained
    options = Prune(keep=0.7, round_to=1, epochs=2, steps=2)
    whole = copy_of(network)
    options.shrink(whole, inputs, training(trained, tmp_path / "whole"), lambda _d, _t: None)

    real, calls = module_of.fit, []

    def once(*given: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given, **more)

    monkeypatch.setattr(module_of, "fit", once)
    with pytest.raises(KeyboardInterrupt):
        options.shrink(copy_of(network), inputs, training(trained, tmp_path / "cut"), lambda _d, _t: None)
    resumed = copy_of(network)
    options.shrink(resumed, inputs, training(trained, tmp_path / "cut"), lambda _d, _t: None)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_taylor_asks_the_training_images(trained: Any, tmp_path: Path) -> None:
    network, inputs, _ = trained
    small = copy_of(network)
    options = Prune(keep=0.8, round_to=1, epochs=1, importance="taylor")
    options.shrink(small, inputs, training(trained, tmp_path), lambda _d, _t: None)
    assert count(small, inputs.shape, "params") < count(network, inputs.shape, "params")


def test_it_needs_labels(trained: Any, tmp_path: Path) -> None:
    network, inputs, splits = trained
    blind = replace(splits, train=Unlabelled(splits.train, np.arange(10)))
    given = replace(training(trained, tmp_path), splits=blind)
    with pytest.raises(BadData, match="prune trains with labels"):
        Prune().shrink(copy_of(network), inputs, given, lambda _d, _t: None)


class Unlabelled(Subset):
    labels = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 5, "epochs": 4}, "steps is between 1 and epochs"),
        ({"alpha": 1.5}, "alpha is between 0 and 1"),
        ({"temperature": 0.0}, "temperature above 0"),
        ({"keep": 0.0}, "0 < keep < 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        Prune(**options)
