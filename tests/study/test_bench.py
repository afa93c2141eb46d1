"""What a run carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgequant.core.errors import BadData
from edgequant.data.draw import drawn
from edgequant.store.folder import RunFolder
from edgequant.study import keys
from edgequant.study.study import Calibration
from pipeline_samples import bench, in_memory, prepared


def test_a_step_is_kept_under_its_inputs_and_what_it_reads(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> dict[str, Any]:
        made.append(folder)
        return {"n": len(made)}

    with RunFolder(tmp_path) as run:
        one = bench(run)
        first, again = one.kept("sum", {"a": 1}, make), one.kept("sum", {"a": 1}, make)
        assert (first.cached, again.cached, again.value) == (False, True, {"n": 1})
        assert one.kept("sum", {"a": 1}, make, keys.trained()).value == {"n": 2}, "other code decides it"
        assert one.kept("sum", {"a": 1}, make, keys.measured()).value == {"n": 3}
        assert one.kept("sum", {"a": 2}, make).value == {"n": 4}


def test_choices_are_made_on_validation_and_files_judged_on_test(tmp_path: Path) -> None:
    network, splits = prepared(tmp_path), in_memory(labelled=False)
    unlabelled = prepared(tmp_path, dataset=splits)
    with RunFolder(tmp_path) as run:
        one, quick = bench(run), bench(run, quick=8)
        assert one.choosing(network) is network.splits.validation and one.judging(network) is network.splits.test
        assert (network.judged_on, unlabelled.judged_on) == ("test", "validation")
        assert one.judging(unlabelled) is unlabelled.splits.validation
        assert len(quick.choosing(network)) == 8
        assert (quick.judging(network).indices == drawn(network.judged, 8).indices).all()


def test_calibration_images_are_drawn_as_the_study_allows(tmp_path: Path) -> None:
    network = prepared(tmp_path)
    with RunFolder(tmp_path) as run:
        assert len(bench(run).drawn(network, Calibration(n=120, seed=3))) == 120
        with pytest.raises(BadData, match="too few"):
            bench(run).drawn(network, Calibration(n=5))
        assert len(bench(run, allow_few=True).drawn(network, Calibration(n=5))) == 5
