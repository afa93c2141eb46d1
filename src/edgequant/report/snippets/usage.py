"""How an app has to feed one file: what the snippets in every language are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ...core.image import Deployment, InputSpec, own_type
from ...core.pixels import BYTE, are_bytes
from ...store.run import Run
from .. import lookup as look

FLOATS = ("float32", "float16")


@dataclass(frozen=True)
class Usage:
    """`type` and `output` are those of the file's tensors; `size` is (width, height), None where nobody recorded it."""

    name: str
    suffix: str
    type: str
    output: str
    layout: str
    mode: str  # of Pillow: RGB or L
    size: tuple[int, int] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: int | None
    interpolation: str
    antialias: bool
    order: str  # of three channels: rgb or bgr
    fit: str  # stretch, crop or letterbox
    recorded: bool  # whether mean and std are the network's own

    @property
    def channels(self) -> int:
        return 1 if self.mode == "L" else 3

    @property
    def raw(self) -> bool:
        """Whether the tensor's integers are the camera's bytes, less 128 where it is int8."""
        return self.type in ("uint8", "int8") and are_bytes(self.mean, self.std)

    @property
    def grid(self) -> tuple[float, int]:
        """(scale, zero point) of an integer input: it covers what the bytes 0..255 become (core/affine.py)."""
        low, high = min(-m / s for m, s in self._pairs()), max((1 - m) / s for m, s in self._pairs())
        if self.type == "int16":
            return max(-low, high) / 32767, 0
        scale = (max(high, 0) - min(low, 0)) / BYTE
        return scale, round(-128 - min(low, 0) / scale) + (128 if self.type == "uint8" else 0)

    @property
    def shape(self) -> tuple[int, ...] | None:
        if self.size is None:
            return None
        width, height = self.size
        image = (height, width, self.channels) if self.layout == "nhwc" else (self.channels, height, width)
        return (1, *image)

    def _pairs(self) -> list[tuple[float, float]]:
        wide = max(len(self.mean), len(self.std))
        mean, std = (values * wide if len(values) == 1 else values for values in (self.mean, self.std))
        return list(zip(mean, std))


def usage(run: Run, variant: look.Variant) -> Usage | None:
    """None where there is no file, or one that is neither a .tflite nor an .onnx.

    Mean, deviation and size are those of the record `input` of the variant or of the run, or edgequant's default.
    """
    name = look.file_name(variant) or ""
    suffix = name[name.rfind(".") :] if "." in name else ""
    if suffix not in (".tflite", ".onnx"):
        return None
    recorded = look.mapping(variant.get("input")) or look.mapping(run.results.get("input"))
    asked, own, tflite = look.mapping(variant.get("deployed")), _own_type(variant, suffix), suffix == ".tflite"
    how = Deployment(**{side: str(asked.get(side) or "") for side in ("input", "output", "layout")})
    met = how.settled(own, own, "nhwc" if tflite else "nchw")
    default, size = InputSpec(3, 1, 1), (recorded.get("width"), recorded.get("height"))
    return Usage(
        name,
        suffix,
        type=met.input,
        output=met.output,
        layout=met.layout,
        mode="L" if recorded.get("channels") == 1 else "RGB",
        size=(int(size[0]), int(size[1])) if size[0] and size[1] else None,
        mean=_values(recorded.get("mean")) or default.mean,
        std=_values(recorded.get("std")) or default.std,
        resize=recorded.get("resize"),
        interpolation=str(recorded.get("interpolation") or "bilinear").upper(),
        antialias=recorded.get("antialias") is not False,
        order=str(recorded.get("order") or "rgb") if recorded.get("channels") != 1 else "rgb",
        fit=str(recorded.get("fit") or ("crop" if recorded.get("resize") else "stretch")),
        recorded=bool(recorded),
    )


def _own_type(variant: look.Variant, suffix: str) -> str:
    """What the recipe makes of input and output: by its name, or by what the first layer reads."""
    named = re.fullmatch(r"w\d+a(\d+)(-all)?", str(variant.get("recipe")))
    layers: Any = variant.get("layers") or []
    bits = int(named[1]) if named else layers[0].get("activation_bits") if layers else None
    return own_type(bits or None, "int8" if suffix == ".tflite" else "uint8")


def _values(value: object) -> tuple[float, ...]:
    """A tuple of numbers; empty for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, int | float) for item in value):
        return ()
    return tuple(float(item) for item in value)
