"""A trained reference on disk: one safetensors file beside the network it belongs to."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, replace
from pathlib import Path

import torch

from ..core.errors import BadFile, cause
from ..core.grid import QParams, WeightQ
from ..quantization.reference import Reference
from ..store.content import content
from .walk import FLOAT_BIAS

FORMAT = "edgequant-reference/1"


def fingerprint(reference: Reference) -> str:
    """sha256 of all that a training starts from: graph, weights, integers and grids. Not of names of recipes."""
    grids, weights = sorted(reference.activations.items()), sorted(reference.weights.items(), key=lambda one: one[0])
    return content(reference.captured, reference.kind, grids, weights)


def save(path: Path, reference: Reference) -> None:
    """Write what training changed of `reference`, whole or not at all."""
    from safetensors.torch import save_file

    tensors = {f"layers/{name}": value.contiguous() for name, value in _state(reference).items()}
    for layer, weight in reference.weights.items():
        tensors |= {f"q/{layer}": weight.q.contiguous(), f"scale/{layer}": weight.scale.contiguous()}
    grids = {tensor: asdict(p) for tensor, p in reference.activations.items()}
    reasons = {fate.name: fate.reason for fate in reference.layers}
    temporary = path.with_name(path.name + ".tmp")
    metadata = {"format": FORMAT, "activations": json.dumps(grids), "reasons": json.dumps(reasons)}
    save_file(tensors, temporary, metadata=metadata)
    temporary.replace(path)


def _state(reference: Reference) -> dict[str, torch.Tensor]:
    return {n: v.detach().clone() for n, v in reference.captured.network.layers.state_dict().items()}


def load(path: Path, given: Reference) -> Reference:
    """`given`, from which the training started, with what it became. Raises BadFile."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BadFile(
            f"The trained state {path} cannot be read: {cause(error)}. Delete it; training makes it again."
        ) from error
    if metadata.get("format") != FORMAT:
        raise BadFile(f"{path} is no trained state ({FORMAT} was expected). Delete it; training makes it again.")
    network = copy.deepcopy(given.captured.network)
    for layer in network.layers.values():
        if hasattr(layer, FLOAT_BIAS):
            delattr(layer, FLOAT_BIAS)
    network.layers.load_state_dict(
        {k.removeprefix("layers/"): v for k, v in tensors.items() if k.startswith("layers/")}
    )
    reasons = json.loads(metadata["reasons"])
    return replace(
        given,
        captured=replace(given.captured, network=network),
        activations={t: QParams(**p) for t, p in json.loads(metadata["activations"]).items()},
        weights={n: WeightQ(tensors[f"q/{n}"], tensors[f"scale/{n}"], w.bits) for n, w in given.weights.items()},
        layers=tuple(replace(fate, reason=reasons.get(fate.name, fate.reason)) for fate in given.layers),
    )
