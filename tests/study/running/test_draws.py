"""How many images calibrate: what was asked for, else the default, else all that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgequant.core.errors import BadData
from edgequant.study.plan import plan_variants
from edgequant.study.prepared import Prepared
from edgequant.study.running.checks import check_calibration_images
from edgequant.study.running.draws import draw_notes
from edgequant.study.study import Calibration, Study, from_table, to_dict, to_toml
from pipeline_samples import in_memory, prepared, study

UNSAID = Calibration()


def network_of(pool: int, folder: Path) -> Prepared:
    """Its training split, three fifths of all images, has `pool`."""
    return prepared(folder, dataset=in_memory(pool * 5 // 3))


def numbers(asked: Study, network: Prepared) -> set[int | None]:
    return {v.calibration.n for v in plan_variants(asked, [(asked.network[0], network)])}


def test_the_default_is_500_and_adapts_to_the_pool_and_says_so(tmp_path: Path) -> None:
    for pool, n in ((300, 300), (150, 150), (600, 500)):
        network, asked = network_of(pool, tmp_path), study(calibration=(UNSAID,))
        check_calibration_images(asked, [(asked.network[0], network)])
        assert numbers(asked, network) == {n}
        notes = draw_notes(asked, [(asked.network[0], network)])
        expected = f"{n} calibration images: all that the calibration pool of in memory has; 500 is the default."
        assert notes == ([expected] if n < 500 else [])


def test_what_was_asked_for_is_refused_where_it_is_not_there(tmp_path: Path) -> None:
    network, asked = network_of(300, tmp_path), study(calibration=(Calibration(n=500),))
    with pytest.raises(BadData, match=r"500 .* asked for, .* has 300. Ask for at most 300, or leave the number out"):
        check_calibration_images(asked, [(asked.network[0], network)])
    assert draw_notes(asked, [(asked.network[0], network)]) == []


def test_fewer_than_a_hundred_want_a_word_and_are_marked(tmp_path: Path) -> None:
    network, asked = network_of(60, tmp_path), study(calibration=(UNSAID,))
    with pytest.raises(BadData, match=r"calibration pool has 60 images.* --allow-few to calibrate on these 60"):
        check_calibration_images(asked, [(asked.network[0], network)])
    few = study(calibration=(UNSAID,), allow_few=True)
    check_calibration_images(few, [(few.network[0], network)])
    assert numbers(few, network) == {60}
    assert any(line.startswith("--allow-few: 60 ") for line in draw_notes(few, [(few.network[0], network)]))


def test_recipes_that_look_at_no_image_need_none(tmp_path: Path) -> None:
    network, asked = network_of(60, tmp_path), study(calibration=(UNSAID,), recipes=("float32", "w8"))
    check_calibration_images(asked, [(asked.network[0], network)])
    assert draw_notes(asked, [(asked.network[0], network)]) == []
    assert draw_notes(asked, [(asked.network[0], network)], always=True)[0].startswith("60 calibration images: all")


def test_a_study_that_leaves_the_number_out_stays_so() -> None:
    import tomllib

    asked = study(calibration=(UNSAID, Calibration("mse", 200)))
    assert [one["n"] for one in to_dict(asked)["calibration"]] == [None, 200]
    read = from_table(Study, tomllib.loads(to_toml(asked)), "it")
    assert read.calibration == asked.calibration
