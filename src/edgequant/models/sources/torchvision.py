"""A classifier of torchvision, if the user has it: `torchvision:resnet18`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

from torch import nn

from ...core.errors import BadModel
from ...core.image import InputSpec
from ..model import AbstractModel
from .zoo import check_name, interpolation, package


@final
@dataclass(frozen=True)
class Torchvision(AbstractModel):
    """`model` is torchvision's name; `weights` is `DEFAULT`, a name of its weights (`IMAGENET1K_V1`), or `random`.

    The record (size, mean, std, crop, interpolation) is that of the weights' own transforms.
    """

    model: str = ""
    weights: str = "DEFAULT"
    size: int | None = None

    @property
    def has_weights(self) -> bool:
        return self.weights != "random"

    def with_weights(self, weights: str) -> Torchvision:  # noqa: ARG002
        """For weights of the user's, which are loaded into what `build` gives: torchvision fetches none."""
        return replace(self, weights="random")

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        record = self._entry().transforms()
        side = self.size or int(_first(record.crop_size))
        resize = None if image_shape or self.size else int(_first(record.resize_size))
        mean, std, filtered = tuple(record.mean), tuple(record.std), interpolation(record.interpolation)
        return InputSpec(3, side, side, mean=mean, std=std, resize=resize, interpolation=filtered)

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:  # noqa: ARG002
        models = self._models()
        options: dict[str, Any] = {"weights": self._entry()} if self.has_weights else {"num_classes": classes}
        try:
            return models.get_model(self.model, **options)  # type: ignore[no-any-return]
        except Exception as error:  # torchvision raises what its download does
            said = " ".join(str(error).split())[:160].rstrip(".")
            raise BadModel(
                f"torchvision could not make {self.model}: {said}. Give --weights FILE, or random."
            ) from error

    def _models(self) -> Any:
        models = package("torchvision").models
        check_name("torchvision", self.model, list(models.list_models(module=models)))
        return models

    def _entry(self) -> Any:
        """The weights' entry, which carries the record; for random ones, that of the default."""
        entries = self._models().get_model_weights(self.model)
        name = self.weights if self.has_weights else "DEFAULT"
        try:
            return entries[name] if name != "DEFAULT" else entries.DEFAULT
        except KeyError as error:
            known = ", ".join(entry.name for entry in entries)
            raise BadModel(f"torchvision has no weights {name!r} for {self.model}. It has: {known}, random.") from error


def _first(size: Any) -> Any:
    return size[0] if isinstance(size, list | tuple) else size
