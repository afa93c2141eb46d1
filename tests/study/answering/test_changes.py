"""Which answers changed, counted image by image, against a scalar count."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgequant.data.classes.arrays import from_arrays
from edgequant.measure.accuracy import Answers, judge
from edgequant.store.belongings import belongings, claimed
from edgequant.store.folder import RunFolder
from edgequant.study.answering.changes import LOST_FIRST, SHOWN, SIDE, counted, pictures, thumbnail
from edgequant.study.bench import Bench
from edgequant.study.study import Study


def split(labels: Any) -> Any:
    """As much of a split as is asked for."""
    n = len(labels)
    images = np.arange(n * 12, dtype=np.uint8).reshape(n, 2, 2, 3)
    return SimpleNamespace(labels=np.array(labels), indices=np.arange(n) + 100, take=lambda at: images[at])


def answers(predictions: Any) -> Answers:
    return judge({"scores": np.eye(4, dtype=np.float32)[predictions]}, None)


TRIPLES = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=60)


@given(TRIPLES)
def test_counts_are_those_of_a_plain_loop(triples: list[tuple[int, int, int]]) -> None:
    labels, before, after = (list(column) for column in zip(*triples))
    found = counted(answers(after), answers(before), split(labels))
    assert found["moved"] == sum(b != a for _, b, a in triples)
    assert found["lost"] == sum(b == t != a for t, b, a in triples)
    assert found["won"] == sum(a == t != b for t, b, a in triples)
    for true, said, then, now in found["confusion"]:
        assert then == sum((t, b) == (true, said) for t, b, _ in triples)
        assert now == sum((t, a) == (true, said) for t, _, a in triples) != then
    assert len(found["images"]) <= SHOWN and all(one["before"] != one["after"] for one in found["images"])


def test_images_that_were_right_before_come_first_and_leave_room() -> None:
    labels, before, after = [0] * 40 + [1] * 30, [0] * 70, [1] * 70
    shown = counted(answers(after), answers(before), split(labels))["images"]
    assert [one["label"] for one in shown] == [0] * LOST_FIRST + [1] * (SHOWN - LOST_FIRST)
    assert shown[0]["index"] == 100 + shown[0]["position"]


def test_without_labels_the_changes_are_counted_all_the_same() -> None:
    unlabelled = split([0, 0])
    unlabelled.labels = None
    found = counted(answers([0, 1]), answers([0, 0]), unlabelled)
    assert (found["moved"], found["lost"], found["confusion"]) == (1, None, []) and found["images"][0]["label"] is None


@pytest.mark.parametrize(
    ("image", "size", "mode"),
    [
        (np.full((300, 200, 3), 254.6, np.float32), (64, SIDE), "RGB"),
        (np.zeros((8, 8, 1), np.uint8), (8, 8), "L"),
        (np.zeros((8, 8, 4), np.uint8), (8, 8), "L"),
    ],
)
def test_thumbnails_are_small_png_files(image: Any, size: tuple[int, int], mode: str) -> None:
    opened = Image.open(io.BytesIO(thumbnail(image)))
    assert (opened.format, opened.size, opened.mode) == ("PNG", size, mode)
    assert opened.getpixel((0, 0)) in ((255, 255, 255), 0)


def test_pictures_of_the_recommended_variant_are_written_and_claimed(tmp_path: Path) -> None:
    data = from_arrays(np.zeros((40, 4, 4, 3), np.uint8), np.arange(40) % 4, ("a", "b", "c", "d"))
    network = SimpleNamespace(splits=data, data="set", judged=data.test or data.validation)
    bench: Any = Bench(Study(), RunFolder(tmp_path))
    image = {"position": 1, "index": 5, "label": 0, "before": 0, "after": 1}
    found = {"recommended": "x", "variants": [{"id": "x", "changes": {"moved": 1, "images": [image]}}, {"id": "y"}]}
    variants: Any = [SimpleNamespace(id="x", network=network)]
    with belongings(tmp_path):
        assert pictures(bench, found, variants) == {"classes": {"set": ["a", "b", "c", "d"]}}
    assert [*claimed(tmp_path)] == ["flipped/1.png"]
    assert [path.name for path in (tmp_path / "flipped").iterdir()] == ["1.png"] and image["file"] == "flipped/1.png"
    still = {"recommended": "x", "variants": [{"id": "x", "changes": {"moved": 0}}]}
    with belongings(tmp_path):
        assert pictures(bench, still, variants) == {}
    assert not (tmp_path / "flipped").exists(), "what an earlier run left has gone"
