"""Weights in files: read other people's without trusting them, write ours small and always the same.

A checkpoint is data from anywhere. Nothing here runs code that a file brings (`weights_only`),
and nothing is loaded in part: every tensor of the network is found, fits and is finite, or the
file is refused in one line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import BadModel
from ..core.foreign import check_archive_size

PICKLED = (".pt", ".pth", ".th")
# Where training scripts put the weights inside a checkpoint; ours keeps an average beside them, which is the result.
NESTED = ("state_dict", "model_state_dict", "model", "average", "network")
COUNTER = "num_batches_tracked"  # of BatchNorm: no result depends on it, and many files leave it out
SHOWN = 3  # names in a message


def load_weights(network: nn.Module, path: Path | str) -> None:
    """Put the weights of a `.safetensors`, `.pt`, `.pth` or `.th` file into `network`, in place, all or none.

    Raises BadModel: no such file, damaged, more than weights, NaN or infinity in it, or not this network's.
    """
    load_state(network, read_state(path), Path(path))


def read_state(path: Path | str) -> dict[str, torch.Tensor]:
    """{name: tensor on the CPU} of a weights file, out of `{"state_dict": ...}` and the like, without `module.`.

    Raises BadModel.
    """
    path = Path(path)
    if not os.path.isfile(path):  # noqa: PTH113 - False, not an error, for a name too long
        what = f"{path} is a folder" if os.path.isdir(path) else f"There are no weights at {path}"  # noqa: PTH112
        told = " For fresh weights write random." if str(path).lower() in ("random", "none", "fresh") else ""
        raise BadModel(f"{what}. Expected a file: {', '.join(('.safetensors', *PICKLED))}.{told}")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in PICKLED:
        check_archive_size(path, BadModel)
        return _without_module(_unwrap(_read_pickled(path), path))
    raise BadModel(
        f"{path} has an ending that edgequant does not read. Expected {', '.join(('.safetensors', *PICKLED))}:"
        " torch.save(network.state_dict(), 'weights.pt') writes one."
    )


def load_state(network: nn.Module, state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Put `state` into `network` in place; `path` is only named in messages. Raises BadModel."""
    _check_names(network.state_dict(), state, path)
    _check_finite(state, path)
    network.load_state_dict(dict(state), strict=False)  # names and shapes are checked above; a counter may be absent


def save_weights(network: nn.Module, path: Path | str) -> None:
    """Write the network's state as safetensors, atomically; the same weights give the same bytes.

    Kernels and matrices are float16. Vectors (biases, BatchNorm) stay float32: they are a few
    percent of the bytes, and a variance of raw pixels overflows float16 at 65504.
    Raises BadModel for NaN or infinity.
    """
    from safetensors.torch import save

    path = Path(path)
    state = {name: _small(value.detach().cpu()) for name, value in network.state_dict().items()}
    _check_finite(state, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(save(state))
    temporary.replace(path)


def _small(value: torch.Tensor) -> torch.Tensor:
    """A contiguous copy; float16 where that loses only precision."""
    value = value.clone(memory_format=torch.contiguous_format)
    if not value.is_floating_point() or value.ndim <= 1:
        return value
    half = value.half()
    return half if bool(half.isfinite().all()) else value


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return _without_module(load(path.read_bytes()))
    except SafetensorError as error:
        raise BadModel(f"{path} is damaged or cut off: {error}. Expected safetensors; copy the file again.") from error


def _read_pickled(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a hostile or cut file can raise anything at all
        start = path.read_bytes()[:24]
        if start[:2] != b"PK" and start[:1] != b"\x80":  # neither a zip nor a pickle
            raise BadModel(
                f"{path} is no PyTorch checkpoint: it {_begins(start)}. Fetch or copy the file itself, or write it with"
                " torch.save(network.state_dict(), 'weights.pt')."
            ) from error
        wanted = re.search(r"Unsupported (?:global: GLOBAL|class|operand) (\S+)", str(error))
        if wanted:
            raise BadModel(
                f"{path} holds more than weights: the network itself, or another object, was pickled, and it asks for"
                f" {wanted[1]}, which could run code on this machine. Where it was made, write only the weights:"
                " torch.save(network.state_dict(), 'weights.pt')."
            ) from error
        if "TorchScript" in str(error):
            raise BadModel(
                f"{path} is a TorchScript program (torch.jit.save), and a network's weights were expected. Write them"
                f" from it: torch.save(torch.jit.load({path.name!r}).state_dict(), 'weights.pt')."
            ) from error
        raise BadModel(
            f"{path} is damaged, cut off or no PyTorch checkpoint: {_first_sentence(error)}."
            " Copy it again, or write it with torch.save(network.state_dict(), 'weights.pt')."
        ) from error


def _begins(start: bytes) -> str:
    """What a file that is none begins with: text is shown, as that of a Git LFS pointer or of a web page."""
    if not start:
        return "is empty"
    text = start.decode(errors="replace").split("\n")[0]
    return f"begins with {text!r}" if text.isprintable() else "begins with other bytes"


def _first_sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(". ")[0].rstrip(".")


def _unwrap(loaded: Any, path: Path) -> Mapping[str, torch.Tensor]:
    """The state dict in what was loaded, however deep a training script wrapped it."""
    if isinstance(loaded, Mapping):
        inner = next((loaded[key] for key in NESTED if isinstance(loaded.get(key), Mapping)), None)
        if inner is not None:
            return _unwrap(inner, path)
        if loaded and all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in loaded.items()):
            return loaded
    held = f"a dict of {_some([str(k) for k in loaded])}" if isinstance(loaded, Mapping) else type(loaded).__name__
    raise BadModel(
        f"{path} holds {held}, not a network's weights. Expected tensors by name, or them under one of"
        f" {', '.join(NESTED)}: torch.save(network.state_dict(), 'weights.pt') writes that."
    )


def _without_module(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without the `module.` that DataParallel puts before every name."""
    wrapped = bool(state) and all(name.startswith("module.") for name in state)
    return {name.removeprefix("module.") if wrapped else name: value for name, value in state.items()}


def _check_names(wanted: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], path: Path) -> None:
    missing = [n for n in wanted if n not in state and not n.endswith(COUNTER)]
    unexpected = [n for n in state if n not in wanted and not n.endswith(COUNTER)]
    shapes = [
        f"{n} {tuple(v.shape)} for {tuple(wanted[n].shape)}"
        for n, v in state.items()
        if n in wanted and v.shape != wanted[n].shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
    found = [f"{len(names)} {fault} ({_some(names)})" for fault, names in faults.items() if names]
    if found:
        raise BadModel(
            f"The weights in {path} are not this network's: {'; '.join(found)}."
            " Name the model they were made for, with its options (width, classes ...)."
        )


def _check_finite(state: Mapping[str, torch.Tensor], path: Path) -> None:
    for name, value in state.items():
        bad = int((~value.isfinite()).sum())
        if bad:
            raise BadModel(
                f"The weights for {path} have NaN or infinity in {name}: {bad} of {value.numel()} values."
                " The training diverged; use an earlier checkpoint."
            )


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
