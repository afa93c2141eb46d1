"""What a training can be resumed from: one file, written whole, and the log that is made of it.

The checkpoint is the truth and `log.jsonl` a copy of its figures for people: a run killed between
the two writes leaves a log one epoch short, which resuming writes again.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch

from ..core.errors import BadModel, RunFolderError
from .settings import TrainSettings

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"
ENTRIES = ("network", "average", "optimizer", "epochs", "settings", "data")


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write the checkpoint, with the keys ENTRIES, atomically, and then the log."""
    temporary = folder / "checkpoint.tmp"
    torch.save(state, temporary)
    temporary.replace(folder / CHECKPOINT)
    write_log(folder, state["epochs"])


def write_log(folder: Path, epochs: list[dict[str, float]]) -> None:
    """One JSON object a line: the figures of each epoch."""
    temporary = folder / "log.tmp"
    temporary.write_text("".join(json.dumps(figures) + "\n" for figures in epochs))
    temporary.replace(folder / LOG)


def epochs(folder: Path) -> list[dict[str, float]]:
    """The figures of each epoch, from the log; none where nothing was trained."""
    path = folder / LOG
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def read(folder: Path, settings: TrainSettings, data: str, device: torch.device) -> dict[str, Any] | None:
    """The checkpoint in `folder`, or None where there is none yet.

    Raises BadModel for a damaged file, and RunFolderError for one of other settings or other data:
    the rate depends on the number of epochs, so going on with it would give weights that no
    settings describe.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    state = _load(path, device)
    different = differences(state["settings"], describe(settings))
    if state["data"] != data:
        different.append("another data set or split")
    if different:
        raise RunFolderError(
            f"{path} is of a training with {', '.join(different)}. Train in another folder (--out), or start again"
            " with --fresh."
        )
    return state


def describe(settings: TrainSettings) -> str:
    """The settings as text, the same for the same settings."""
    return json.dumps(dataclasses.asdict(settings), sort_keys=True)


def differences(theirs: str, ours: str) -> list[str]:
    """["epochs=5 (now 10)", ...] between two descriptions."""
    old, new = json.loads(theirs), json.loads(ours)
    return [f"{k}={old.get(k)} (now {new.get(k)})" for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k)]


def _load(path: Path, device: torch.device) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # a cut file can raise anything at all
        raise BadModel(f"{path} is damaged: {type(error).__name__}. Delete it, or start again with --fresh.") from error
    if not isinstance(state, dict) or not all(key in state for key in ENTRIES):
        raise BadModel(
            f"{path} is not a checkpoint of a training: it lacks some of {', '.join(ENTRIES)}."
            " Name another folder (--out), or start again with --fresh."
        )
    return state


def restore(path: Path, targets: list[tuple[Any, Any]]) -> None:
    """`target.load_state_dict(state)` for each (target, state). Raises BadModel where one does not fit."""
    try:
        for target, state in targets:
            target.load_state_dict(state)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise BadModel(
            f"{path} is of another network: {_first(error)}"
            " Train in another folder (--out), or start again with --fresh."
        ) from error


def _first(error: Exception) -> str:
    """The first fault that torch lists, as part of one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[1] if len(lines) > 1 else (lines[0] if lines else type(error).__name__)
    return (text[:157] + "...") if len(text) > 160 else text.rstrip(".") + "."
