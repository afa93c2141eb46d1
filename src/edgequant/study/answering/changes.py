"""Which answers quantizing changed, image by image against the float32 file: counts, and a few images to look at."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.arrays import Array
from ...data.dataset import AbstractSplit
from ...measure.accuracy import Answers
from ...store.belongings import claim
from ...store.disk import write_bytes
from ..bench import Bench
from ..plan import Variant

SHOWN = 24  # images of a variant, at most
LOST_FIRST = 16  # of them, answers that were right before
PAIRS = 400  # of the confusion matrix, at most: all of 20 classes
SIDE = 96  # pixels of a thumbnail's longer side, at most
FOLDER = "flipped"


def counted(answers: Answers, base: Answers, split: AbstractSplit) -> dict[str, Any]:
    """The variant's key "changes": how often the top-1 class differs from the baseline's on the same images.

    `confusion` lists [true class, answered class, images before, images after] where the two differ, the largest
    difference first; it is empty, and `lost` and `won` are None, where the split is unlabelled.
    """
    before, after, labels = base.predictions.top, answers.predictions.top, split.labels
    moved = np.flatnonzero(before != after)
    found: dict[str, Any] = {"n": len(after), "moved": len(moved), "lost": None, "won": None, "confusion": []}
    if labels is None:
        return found | {"images": [_image(split, p, before, after) for p in moved[:SHOWN]]}
    lost, won = moved[before[moved] == labels[moved]], moved[after[moved] == labels[moved]]
    other = np.setdiff1d(moved, np.concatenate([lost, won]))
    order = np.concatenate([lost[:LOST_FIRST], won[: SHOWN - LOST_FIRST], lost[LOST_FIRST:], other])[:SHOWN]
    found |= {"lost": len(lost), "won": len(won), "confusion": _confusion(before, after, labels)}
    return found | {"images": [_image(split, p, before, after) for p in order]}


def pictures(bench: Bench, found: dict[str, Any], variants: Sequence[Variant]) -> dict[str, Any]:
    """Write one variant's images as PNG files into the run's folder, below flipped/, and name each in its record.

    They are the recommended variant's or, where it changed no answer, those of the variant that changed most.
    Returns {"classes": {data: names}} for the results; nothing where no answer changed. Raises RunFolderError.
    """
    moved = {v["id"]: (v.get("changes") or {}).get("moved", 0) for v in found["variants"]}
    name = found["recommended"] if moved.get(found["recommended"]) else max(moved, key=lambda id: moved[id], default="")
    if not moved.get(name):
        return {}
    record = next(v for v in found["variants"] if v["id"] == name)
    network = next(v for v in variants if v.id == name).network
    _write(record["changes"]["images"], bench.judging(network), bench.folder.path)
    return {"classes": {network.data: list(network.splits.classes)}}


def _write(images: list[dict[str, Any]], split: AbstractSplit, out: Path) -> None:
    (out / FOLDER).mkdir(exist_ok=True)
    for one in images:
        one["file"] = f"{FOLDER}/{one['position']}.png"
    claim(*(out / one["file"] for one in images))
    for one in images:
        write_bytes(out / one["file"], thumbnail(split.take(np.array([one["position"]]))[0]))


def thumbnail(image: Array) -> bytes:
    """A PNG of (H, W, C) values in 0..255, no side longer than SIDE; of other than three channels, the first."""
    from PIL import Image

    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0])
    picture.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()


def _image(split: AbstractSplit, position: int, before: Array, after: Array) -> dict[str, Any]:
    label = None if split.labels is None else int(split.labels[position])
    where = {"position": int(position), "index": int(split.indices[position])}
    return where | {"label": label, "before": int(before[position]), "after": int(after[position])}


def _confusion(before: Array, after: Array, labels: Array) -> list[list[int]]:
    classes = 1 + int(max(before.max(), after.max(), labels.max()))
    then, now = (np.bincount(labels * classes + answered, minlength=classes**2) for answered in (before, after))
    changed = np.flatnonzero(then != now)
    order = changed[np.argsort(-np.abs(now - then)[changed], kind="stable")][:PAIRS]
    return [[int(at // classes), int(at % classes), int(then[at]), int(now[at])] for at in order]
