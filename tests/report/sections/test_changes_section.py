"""Which answers changed: counts, the chart of the confusion matrix, the images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgequant.report.document import build
from edgequant.report.formats.html import shared
from edgequant.report.sections.changes import Changes
from edgequant.store.run import Run

PNG = b"\x89PNG\r\n\x1a\n"


def changed(**changes: Any) -> dict[str, Any]:
    images = [
        {"position": 1, "index": 11, "label": 0, "before": 0, "after": 1, "file": "flipped/1.png"},
        {"position": 2, "index": 12, "label": 1, "before": 0, "after": 1, "file": "flipped/2.png"},
        {"position": 3, "index": 13, "label": 2, "before": 0, "after": 1, "file": "flipped/3.png"},
    ]
    confusion = [[0, 0, 5, 4], [0, 1, 0, 1], [1, 1, 3, 4], [1, 0, 2, 1]]
    return {"n": 20, "moved": 3, "lost": 1, "won": 1, "confusion": confusion, "images": images} | changes


def run(best: dict[str, Any] | None, other: dict[str, Any] | None = None, folder: Path = Path("unused")) -> Run:
    variants = [{"id": "a", "data": "set", "changes": best}, {"id": "b", "data": "set", "changes": other}]
    return Run({"recommended": "a", "classes": {"set": ["cat", "dog"]}, "variants": variants}, folder)


def test_it_is_left_out_where_nothing_was_compared() -> None:
    assert build(run(None), [Changes()]).parts == []


def test_it_counts_each_variant_and_names_the_images() -> None:
    found = run(changed())
    assert "Below is `a`, which changed 3. 3 of them are shown" in Changes().text(found)
    assert Changes().rows(found)[1] == ("★ a", "20", "3", "1", "1", "1")
    captions = [words for _, words in Changes().images(found)]
    assert captions[0] == "✗ cat → dog, true cat (image 11)" and captions[1].startswith("✓ cat → dog, true dog")
    assert captions[2] == "· cat → dog, true class 2 (image 13)"


def test_a_recommended_file_that_changed_nothing_gives_way_to_the_one_that_changed_most() -> None:
    still = changed(moved=0, lost=0, won=0, confusion=[], images=[])
    assert "The recommended file changed none. Below is `b`" in Changes().text(run(still, changed()))
    assert Changes().text(run(still)).endswith("None changed.") and Changes().charts(run(still)) == {}


def test_without_labels_only_the_change_is_told() -> None:
    unlabelled = changed(lost=None, won=None, confusion=[], images=[{"before": 0, "after": 1, "file": "x.png"}])
    assert Changes().rows(run(unlabelled))[1][3:] == ("–", "–", "–") and Changes().charts(run(unlabelled)) == {}
    assert Changes().images(run(unlabelled)) == [("x.png", "cat → dog (image –)")]


def test_the_chart_turns_the_diagonal_so_that_a_colour_means_one_thing() -> None:
    text = Changes().charts(run(changed()))["confusion_change"].to_json(indent=None)
    assert text.count('"worse": 1') == 2 and text.count('"worse": -1') == 2
    assert "Confusion matrix, a: 4 pairs" in text


@pytest.mark.parametrize("broken", [[[1, 2]], [["x", 0, 0, 0]], "none", [None], [[float("nan")] * 4]])
def test_a_broken_matrix_is_passed_over(broken: Any) -> None:
    assert Changes().charts(run(changed(confusion=broken))) == {}


def test_only_pictures_of_the_run_folder_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "flipped").mkdir(parents=True)
    (folder / "flipped" / "1.png").write_bytes(PNG)
    (folder / "flipped" / "2.png").write_bytes(b"<svg onload=alert(1)>")
    (tmp_path / "secret.png").write_bytes(PNG)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    names = (
        "flipped/1.png",
        "flipped/2.png",
        "flipped/3.png",
        "../secret.png",
        str(tmp_path / "secret.png"),
        "link.png",
    )
    images = [{"before": 0, "after": 1, "file": name} for name in names]
    (part,) = build(run(changed(images=images, confusion=[]), folder=folder), [Changes()]).parts
    assert [picture.file for picture in part.pictures] == ["flipped/1.png"]


def test_variants_with_the_same_layers_share_one_table() -> None:
    table = [("Layer",), ("stem",)]
    assert shared({"a": table, "b": table, "c": [("Layer",)]}) == {
        "of": {"a": 0, "b": 0, "c": 1},
        "tables": [[["stem"]], []],
    }
