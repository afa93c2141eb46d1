"""Where a network comes from: a name in the catalog, or a file of a kind that its ending tells."""

from __future__ import annotations

from pathlib import Path

from ...catalog import MODELS
from ...core.registry import first_option
from ...models.model import AbstractModel

# ending of a file -> the model that reads it
ENDINGS = {
    ".h5": "keras",
    ".hdf5": "keras",
    ".keras": "keras",
    ".onnx": "onnx",
    ".pt2": "exported",
    ".tflite": "tflite",
}
ZOOS = ("keras", "timm", "torchvision")  # whose first option is an architecture's name


def build_model(spec: str) -> AbstractModel:
    """A model by name, `path/to/file.py:factory`, or a file that holds a network. Raises UnknownName and BadOption."""
    if ".py:" in spec or spec.endswith(".py"):
        return MODELS.build(f"file:{spec}")
    kind = ENDINGS.get(Path(first_option(spec)).suffix.lower())
    named = spec.partition(":")[0] in MODELS
    return MODELS.build(f"{kind}:{spec}" if kind and not named else spec)


def short_name(spec: str) -> str:
    """What a network is called in tables, where the study does not say."""
    if ".py" in spec:
        return Path(spec.partition(".py")[0]).name
    kind, _, options = spec.partition(":")
    first = first_option(options if kind in MODELS else spec)
    if Path(first).suffix.lower() in ENDINGS:
        return Path(first).stem
    return first if kind in ZOOS and first else kind


def told(model: AbstractModel, weights: str) -> AbstractModel:
    """The model, told of weights that the user gives: it need not fetch its own, or reads these itself."""
    return model.with_weights(weights) if weights else model
