"""What the sources timm and torchvision have in common: a package that is there or not, and its records."""

from __future__ import annotations

import importlib
from typing import Any, Literal

from ...core.errors import BadModel, MissingExtra, UnknownName
from ...core.registry import unknown


def package(name: str) -> Any:
    """Raises MissingExtra where it is not installed, or does not load beside the torch that is."""
    try:
        return importlib.import_module(name)
    except Exception as error:  # a wheel for another torch raises RuntimeError or OSError while it is imported
        said = " ".join(str(error).split())[:120].rstrip(".")
        raise MissingExtra(
            f"{name}'s models need {name}, which cannot be imported ({said}). Install the one for your torch:"
            f" pip install {name}."
        ) from error


def check_name(source: str, name: str, known: list[str]) -> None:
    """Raises BadModel where there is no name, UnknownName where the zoo has no such model."""
    if not name:
        raise BadModel(f"{source} needs the name of a model. Write {source}:mobilenetv3_small_100 or the like.")
    if name not in known:
        raise UnknownName(unknown(f"{source} model", name, known if len(known) < 20 else [*known[:8], "…"]))


def interpolation(name: Any) -> Literal["bilinear", "bicubic"]:
    """Ours, for a zoo's word for it. Raises BadModel for one that is neither."""
    text = str(getattr(name, "value", name)).lower()
    if text not in ("bilinear", "bicubic"):
        raise BadModel(f"The model wants images resized by {text!r}; bilinear or bicubic were expected.")
    return "bicubic" if text == "bicubic" else "bilinear"
