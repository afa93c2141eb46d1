"""Keras models and weights in files, read without running code that a file brings."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from ....core.errors import BadModel
from ....core.extras import need
from ....core.foreign import check_archive_size
from .package import import_keras

FILES = (".keras", ".h5", ".hdf5")


def load_model(path: Path) -> Any:
    """The model in a .keras or whole-model .h5 file, in Keras' safe mode, not compiled.

    Raises BadModel: no such file, damaged, weights without a model, a Lambda layer, or a class that Keras has not.
    """
    keras = import_keras()
    _check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return keras.saving.load_model(str(path), compile=False, safe_mode=True)
    except Exception as error:  # a file from anywhere can raise anything at all
        raise BadModel(_why(path, error)) from error


def load_into(model: Any, path: Path) -> None:
    """Put the weights of a .h5, .weights.h5 or .keras file into `model`, in place. Raises BadModel."""
    _check_file(path)
    try:
        if path.suffix == ".keras":
            model.set_weights(load_model(path).get_weights())
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.load_weights(str(path))
    except BadModel:
        raise
    except Exception as error:  # Keras raises ValueError, KeyError and OSError for a file of another model
        raise BadModel(
            f"The weights in {path} are not {model.name}'s: {_first(error)}. Name the model they were made for, with"
            " its options (classes=, alpha=, size=)."
        ) from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise BadModel(f"There is no file {path}. Expected a Keras model or weights: {', '.join(FILES)}.")
    check_archive_size(path, BadModel)
    if path.suffix != ".keras":
        need("keras", "h5py", "A .h5 file")


def _why(path: Path, error: Exception) -> str:
    text = str(error)
    if "ambda" in text and ("unsafe" in text or "safe_mode" in text):
        return (
            f"{path} holds a Lambda layer, which is code that would run on this machine. Write it as layers or"
            " keras.ops and save again, or build the model in a Python file of yours: path/to/file.py:factory."
        )
    if "Could not locate" in text or "Unknown layer" in text or "Could not deserialize class" in text:
        return (
            f"{path} uses a class that Keras does not have: {_first(error)}. Build the model in a Python file of yours,"
            " where the class is: path/to/file.py:factory."
        )
    if "No model config" in text:
        return (
            f"{path} holds weights and no model. Name the model too: keras:MobileNetV2,weights={path}, or save the"
            " whole model: model.save('model.keras')."
        )
    return (
        f"{path} cannot be read as a Keras model: {_first(error)}. Save it again with Keras 3:"
        " model.save('model.keras')."
    )


def _first(error: Exception) -> str:
    """The first sentence, short."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(". ")[0].rstrip(".")[:160]
