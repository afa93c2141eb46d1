"""A model of timm (PyTorch Image Models), if the user has it: `timm:mobilenetv3_small_100`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, final

from torch import nn

from ...core.errors import BadModel
from ...core.image import InputSpec
from ..model import AbstractModel
from .zoo import check_name, interpolation, package


@final
@dataclass(frozen=True)
class Timm(AbstractModel):
    """`model` is timm's name; `weights` is `pretrained` (timm downloads them) or `random`, for any classes.

    The record (size, mean, std, crop, interpolation) is timm's own `pretrained_cfg`.
    """

    model: str = ""
    weights: str = "pretrained"
    size: int | None = None

    def __post_init__(self) -> None:
        if self.weights not in ("pretrained", "random"):
            raise BadModel(
                f"timm takes weights=pretrained or random. Got {self.weights!r}. Give a file with --weights FILE."
            )

    @property
    def has_weights(self) -> bool:
        return self.weights == "pretrained"

    def with_weights(self, weights: str) -> Timm:  # noqa: ARG002
        """For weights of the user's, which are loaded into what `build` gives: timm fetches none."""
        return replace(self, weights="random")

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        timm = self._package()
        config = timm.get_pretrained_cfg(self.model)
        record = dict(timm.data.resolve_data_config(pretrained_cfg=config.to_dict() if config else {}))
        channels, height, width = (int(d) for d in record["input_size"])
        height, width = (self.size, self.size) if self.size else (height, width)
        resize = None if image_shape else self._resize(record, min(height, width))
        mean, std, filtered = tuple(record["mean"]), tuple(record["std"]), interpolation(record["interpolation"])
        return InputSpec(channels, height, width, mean=mean, std=std, resize=resize, interpolation=filtered)

    def _resize(self, record: dict[str, Any], side: int) -> int | None:
        """The shorter side before the crop; None where images are stretched. timm/data/transforms_factory.py,
        transforms_imagenet_eval. Raises BadModel for a fit that edgequant has not."""
        mode, share = record.get("crop_mode") or "center", float(record["crop_pct"])
        if mode == "center":
            return math.floor(side / share)
        if mode == "squash" and share == 1:
            return None
        raise BadModel(
            f"timm's {self.model} wants images fitted by {mode!r} to {share:g} of their size; a centre crop or a"
            " stretch to the whole size were expected. Give the network as file:net.py:make with --fit letterbox."
        )

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:
        options: dict[str, Any] = {} if self.has_weights else {"num_classes": classes}
        try:
            network = self._package().create_model(
                self.model, pretrained=self.has_weights, in_chans=inputs.channels, exportable=True, **options
            )
        except Exception as error:  # timm raises what its download and its models do
            said = " ".join(str(error).split())[:160].rstrip(".")
            raise BadModel(f"timm could not make {self.model}: {said}. Give --weights FILE, or random.") from error
        return network  # type: ignore[no-any-return]

    def _package(self) -> Any:
        timm = package("timm")
        check_name("timm", self.model, list(timm.list_models()) + list(timm.list_pretrained()))
        return timm
