"""Which model reads what a user names, what it is called, and who is told of the user's weights."""

from __future__ import annotations

import pytest

from edgequant.core.errors import UnknownName
from edgequant.models.architectures.efficientnet_lite0 import EfficientNetLite0
from edgequant.models.architectures.micro_cnn import MicroCNN
from edgequant.models.sources.keras.source import Keras
from edgequant.study.networks.sources import build_model, short_name, told


@pytest.mark.parametrize(
    ("spec", "kind", "name"),
    [
        ("micro_cnn:width=0.5", "MicroCNN", "micro_cnn"),
        ("keras:MobileNetV2,size=96", "Keras", "MobileNetV2"),
        ("folder/net.keras,softmax=false", "Keras", "net"),
        ("keras:folder/net.h5", "Keras", "net"),
        ("folder/net.onnx,mean=0.5,std=0.5", "Onnx", "net"),
        ("tflite:folder/net.tflite", "TFLiteModel", "net"),
        ("NET.TFLITE", "TFLiteModel", "NET"),
        ("folder/net.pt2", "Exported", "net"),
        ("folder/net.py:make", "File", "net"),
        ("timm:resnet18", "Timm", "resnet18"),
        ("torchvision:resnet18,weights=random", "Torchvision", "resnet18"),
        ("keras", "Keras", "keras"),
    ],
)
def test_a_spec_finds_its_model_and_its_name(spec: str, kind: str, name: str) -> None:
    assert type(build_model(spec)).__name__ == kind
    assert short_name(spec) == name


def test_a_name_that_is_neither() -> None:
    with pytest.raises(UnknownName):
        build_model("mobilenetv9")


def test_a_model_is_told_of_weights_that_it_reads_or_need_not_fetch() -> None:
    lite, keras, own = EfficientNetLite0(), Keras("MobileNetV2"), MicroCNN()
    assert told(own, "w.pt") is own and told(lite, "") is lite
    assert not told(lite, "w.pt").has_weights and not told(lite, "w.pt").loads("w.pt")
    assert told(keras, "w.weights.h5").loads("w.weights.h5") and not told(keras, "w.pt").loads("w.pt")
