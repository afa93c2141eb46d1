"""What the sources timm and torchvision have in common: a package that is there or not, and its records."""

from __future__ import annotations

from typing import Any, Literal

import torch

from ...core.errors import BadModel, UnknownName
from ...core.extras import need
from ...core.registry import unknown


def package(name: str) -> Any:
    """Raises MissingExtra where it is not installed, or does not load beside the torch that is.

    torchvision asks for one torch alone, so the line to type names the one for the torch that is here: minor 15 higher
    (torch 2.9 and torchvision 0.24, 2.14 and 0.29). A bare `pip install torchvision` would replace torch.
    """
    major, minor = torch.__version__.split(".")[:2]
    fitting = f"torchvision==0.{int(minor) + 15}.*" if name == "torchvision" and major == "2" else f"edgequant[{name}]"
    return need(fitting, name, f"A model of {name}")


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
