"""The networks of the comparison, as our own names for them; nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """A trained network on CIFAR-10. `weights` is a file that the project keeps; empty where the model has its own."""

    title: str
    model: str
    weights: str = ""


SUBJECTS = {
    "resnet8": Subject(
        "MLPerf Tiny ResNet-8", "resnet8:weights={data}/weights/mlperf_tiny_resnet8/pretrainedResnet.h5"
    ),
    "mobilenet_v2": Subject("MobileNetV2, stem of stride 1", "mobilenet_v2", "4a4313b9a7a576dc.safetensors"),
}
DATA = "cifar10"
IMAGES, SEED = 500, 0  # the calibration draw: class-balanced, from the training split
