"""timm and torchvision, which are not among the requirements: by fake packages of their faces."""

from __future__ import annotations

import enum
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from torch import nn

from edgequant.core.errors import BadModel, MissingExtra, UnknownName
from edgequant.core.image import InputSpec
from edgequant.models.sources.timm import Timm
from edgequant.models.sources.torchvision import Torchvision
from edgequant.models.sources.zoo import interpolation

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def fake_timm() -> Any:
    """timm's functions that are used, with their signatures; `made` records the calls."""
    timm: Any = ModuleType("timm")
    timm.made = []

    def create_model(name: str, **options: Any) -> nn.Module:
        if name == "broken":
            raise RuntimeError("no connection")
        timm.made.append((name, options))
        return nn.Conv2d(3, options.get("num_classes", 1000), 1)

    record = {"input_size": (3, 224, 224), "crop_pct": 0.875, "interpolation": "bicubic", "mean": MEAN, "std": STD}
    timm.create_model = create_model
    timm.list_models = lambda: ["tiny", "broken"]
    timm.list_pretrained = lambda: ["tiny.in1k"]
    timm.get_pretrained_cfg = lambda name: SimpleNamespace(to_dict=lambda: record)
    timm.data = SimpleNamespace(resolve_data_config=lambda pretrained_cfg: pretrained_cfg)
    return timm


def test_timm_gives_its_record_and_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    timm = fake_timm()
    monkeypatch.setitem(sys.modules, "timm", timm)
    source = Timm("tiny")
    assert source.inputs(None) == InputSpec(3, 224, 224, mean=MEAN, std=STD, resize=256, interpolation="bicubic")
    assert Timm("tiny", size=96).inputs((3, 32, 32)) == InputSpec(
        3, 96, 96, mean=MEAN, std=STD, resize=None, interpolation="bicubic"
    )
    assert source.build(source.inputs(None), 7).out_channels == 1000 and source.has_weights
    fresh = source.with_weights("mine.pt")
    assert fresh.build(source.inputs(None), 7).out_channels == 7 and not fresh.has_weights
    assert timm.made[0] == ("tiny", {"pretrained": True, "in_chans": 3, "exportable": True})


def test_timm_fits_images_as_its_record_says(monkeypatch: pytest.MonkeyPatch) -> None:
    timm = fake_timm()
    monkeypatch.setitem(sys.modules, "timm", timm)
    record = timm.get_pretrained_cfg("tiny").to_dict()
    record |= {"crop_mode": "squash", "crop_pct": 1.0}
    assert Timm("tiny").inputs(None) == InputSpec(3, 224, 224, mean=MEAN, std=STD, interpolation="bicubic")
    record |= {"crop_mode": "border"}
    with pytest.raises(BadModel, match="'border'"):
        Timm("tiny").inputs(None)


def test_timm_says_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", fake_timm())
    with pytest.raises(UnknownName, match="Did you mean 'tiny'"):
        Timm("tinny").inputs(None)
    with pytest.raises(BadModel, match="no connection"):
        Timm("broken").build(InputSpec(3, 8, 8), 2)
    with pytest.raises(BadModel, match="needs the name"):
        Timm().inputs(None)
    with pytest.raises(BadModel, match="pretrained or random"):
        Timm("tiny", weights="mine.pt")


class Weights(enum.Enum):
    IMAGENET1K_V1 = 1
    IMAGENET1K_V2 = 2
    DEFAULT = 2

    def transforms(self) -> Any:
        how = SimpleNamespace(value="bilinear")
        return SimpleNamespace(crop_size=[224], resize_size=[232], mean=list(MEAN), std=list(STD), interpolation=how)


def fake_torchvision() -> Any:
    torchvision: Any = ModuleType("torchvision")

    def get_model(name: str, weights: Any = None, num_classes: int = 1000) -> nn.Module:  # noqa: ARG001
        if name == "broken":
            raise RuntimeError("no connection")
        return nn.Conv2d(3, num_classes, 1)

    torchvision.models = SimpleNamespace(
        list_models=lambda module: ["resnet18", "broken"], get_model=get_model, get_model_weights=lambda name: Weights
    )
    return torchvision


def test_torchvision_gives_the_record_of_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", fake_torchvision())
    source = Torchvision("resnet18", weights="IMAGENET1K_V1")
    assert source.inputs(None) == InputSpec(3, 224, 224, mean=MEAN, std=STD, resize=232)
    assert Torchvision("resnet18", size=64).inputs(None).resize is None
    assert source.build(source.inputs(None), 7).out_channels == 1000
    assert source.with_weights("mine.pt").build(source.inputs(None), 7).out_channels == 7
    with pytest.raises(BadModel, match="IMAGENET1K_V1, IMAGENET1K_V2, random"):
        Torchvision("resnet18", weights="V9").inputs(None)
    with pytest.raises(BadModel, match="no connection"):
        Torchvision("broken").build(InputSpec(3, 8, 8), 2)


@pytest.mark.parametrize("name, typed", [("timm", r"edgequant\[timm\]"), ("torchvision", r"torchvision==0\.\d+\.\*")])
def test_a_zoo_that_is_not_there_is_refused_with_the_install_command(
    name: str, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    source = Timm("tiny") if name == "timm" else Torchvision("resnet18")
    with pytest.raises(MissingExtra, match=f"pip install '{typed}'"):
        source.inputs(None)


def test_other_interpolations_are_refused() -> None:
    with pytest.raises(BadModel, match="'lanczos'"):
        interpolation("lanczos")
