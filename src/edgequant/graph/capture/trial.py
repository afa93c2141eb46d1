"""A network run once as it is, before anything is made of it: what it takes, and what it says if that fails.

PyTorch's own words speak of matrices. So where the run fails, others are tried (other channels, sizes, batches), and
the message says what the network does take.
"""

from __future__ import annotations

import inspect

import torch
from torch import nn

from ...core.errors import BadModel
from ...core.image import InputSpec
from .export import fixed_batch

BATCH = 2
USUAL = (224, 32, 28, 64, 96, 128, 160, 192, 240, 256, 260, 288, 299, 300, 320, 384, 416, 448, 480, 512, 640)
SIDES = (*USUAL, *(side for side in range(8, 192, 4) if side not in USUAL))
BATCHES = (1, 4, 8, 16, 32, 64)


def example(module: nn.Module, inputs: InputSpec, batch: int = BATCH) -> torch.Tensor:
    """(batch, C, H, W) float32 normal noise, always the same, where the module's weights are."""
    noise = torch.randn(
        batch, *inputs.shape, dtype=torch.float32, device="cpu", generator=torch.Generator("cpu").manual_seed(0)
    )
    return noise.to(next(module.parameters(), noise).device)


def check_floats(module: nn.Module) -> None:
    """Raises BadModel where a weight is NaN or infinite, or is no float32."""
    state = [(name, weight) for name, weight in module.state_dict().items() if isinstance(weight, torch.Tensor)]
    other = [(n, w.dtype) for n, w in state if (w.is_floating_point() or w.is_complex()) and w.dtype != torch.float32]
    if other:
        name, dtype = other[0]
        raise BadModel(
            f"The network's weights are {str(dtype).removeprefix('torch.')} ({len(other)} of {len(state)}, the first"
            f" {name!r}); float32 was expected. Write net.float(); edgequant itself makes float16 files (--recipe"
            " float16)."
        )
    for name, weight in state:
        if weight.is_floating_point() and not torch.isfinite(weight).all():
            bad = int((~torch.isfinite(weight)).sum())
            raise BadModel(
                f"The weight {name!r} has {bad} values that are NaN or infinite. Train again, or load others."
            )


def tried(module: nn.Module, inputs: InputSpec) -> torch.Tensor:
    """The network's result on `example`. Raises BadModel where it does not take such images, in words of images."""
    _check_arguments(module)
    images = example(module, inputs)
    try:
        with torch.no_grad():
            made: torch.Tensor = module(images)
    except BadModel:
        raise
    except Exception as error:  # whatever the user's code raises
        raise BadModel(_explained(module, inputs, error)) from error
    if made.dim() == 0 or len(made) != BATCH:
        if not made.dim():
            raise BadModel(f"{_name(module)} gives a single number; class scores (N, classes) were expected.")
        raise BadModel(f"{_name(module)} gives {len(made)} results for {BATCH} images. {fixed_batch(module, images)}")
    return made


def _name(module: nn.Module) -> str:
    """The file's, where it was read from one."""
    name = getattr(module, "name", None)
    return name if isinstance(name, str) and name else type(module).__name__


def _check_arguments(module: nn.Module) -> None:
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):  # made in C: it has no signature to read
        return
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    needed = [p.name for p in parameters if p.default is p.empty and p.kind in kinds]
    if len(needed) > 1:
        raise BadModel(
            f"{_name(module)} takes several inputs ({', '.join(needed)}); one batch of images was expected. Give the"
            " others defaults, or wrap the network in a module that takes the images alone."
        )
    if not needed and not list(parameters):
        raise BadModel(f"{_name(module)} takes no input; one batch of images was expected. Give forward a parameter.")


def _explained(module: nn.Module, inputs: InputSpec, error: Exception) -> str:
    """One line: the inputs that it does take, or what PyTorch said."""
    c, h, w = inputs.shape
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    said = f"{type(error).__name__}: {said[:160].rstrip('.')}"
    for channels in (1, 3, 4):
        if channels != c and _runs(module, BATCH, channels, h, w):
            return _channels(module, c, channels)
    batch = next((size for size in BATCHES if _runs(module, size, c, h, w, told=True)), None)
    if batch is not None:
        return fixed_batch(module, example(module, inputs, batch))
    for channels in (c, 1, 3):
        side = next((side for side in SIDES if _runs(module, BATCH, channels, side, side)), None)
        if side is not None:
            if channels != c:
                return f"{_channels(module, c, channels)} It takes {side}x{side} pixels, not {h}x{w}: size={side}."
            return (
                f"{_name(module)} takes images of {side}x{side} pixels and was given {h}x{w} ({said}). Give"
                f" size={side}, as in path/to/file.py:factory,size={side}."
            )
    return (
        f"{_name(module)} does not run on images (N, {c}, {h}, {w}): {said}. Expected a network that takes them;"
        " give size= and channels= of what it takes."
    )


def _channels(module: nn.Module, given: int, wanted: int) -> str:
    kind = {1: "grey", 3: "colour"}
    word = {1: " (--channels grey)", 3: " (--channels rgb)"}
    told = f"channels={wanted}{word.get(wanted, '')}"
    return (
        f"{_name(module)} takes {kind.get(wanted, '')} images of {wanted} channel{'s' * (wanted > 1)}, and was given"
        f" {given} channel{'s' * (given > 1)}. Give {told}."
    ).replace("  ", " ")


def _runs(module: nn.Module, batch: int, channels: int, height: int, width: int, told: bool = False) -> bool:
    """Whether a batch of such images gives as many results; with `told`, what a reader refuses by name is raised."""
    try:
        with torch.no_grad():
            made = module(example(module, InputSpec(channels, height, width), batch))
    except BadModel:
        if told:
            raise
        return False
    except Exception:  # whatever the user's code raises: it does not run
        return False
    return bool(made.dim()) and len(made) == batch
