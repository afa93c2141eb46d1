"""The section on bit widths, and its chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgequant.report.charts.parallel import AXES
from edgequant.report.document import build
from edgequant.report.sections.sweep import STEM, Sweep
from edgequant.store.run import Run
from report_sample import results

SECTION = Sweep()


def run(rows: list[dict[str, Any]] | None = None) -> Run:
    content = results()
    return Run(content if rows is None else content | {"sweep": {"rows": rows}}, Path("unused"))


def rows() -> list[dict[str, Any]]:
    return results()["sweep"]["rows"]


def spec(of: Run) -> dict[str, Any]:
    return json.loads(SECTION.charts(of)[STEM].to_json())


def test_a_report_without_a_sweep_has_no_such_section() -> None:
    assert [part.title for part in build(run(), [SECTION]).parts] == ["Bit widths, simulated"]
    assert build(run([]), [SECTION]).parts == []
    assert build(Run({}, Path("unused")), [SECTION]).parts == []


def test_it_says_that_it_is_simulated_and_what_a_point_buys() -> None:
    text = SECTION.text(run())
    assert "Simulated" in text and "sizes are estimates" in text and "nothing was timed" in text
    assert "loses at most one point is `mobilenet_v2-w6a8-simulation`: 4.92× smaller, 93.26%." in text


def test_nothing_is_praised_where_every_combination_loses_more() -> None:
    assert "at most one point" not in SECTION.text(run([row | {"drop": 3.0} for row in rows()]))
    assert "at most one point" not in SECTION.text(run([row | {"drop": None, "top1": None} for row in rows()]))


def test_the_table_has_a_row_for_each_combination() -> None:
    header, *body = SECTION.rows(run())
    assert len(body) == 9 and header[5] == "Size (estimated)"
    assert body[0] == ("8 bit", "8 bit", "3.69×", "3.90×", "3.99×", "2.43 MB", "93.99%", "0.20 pt")


def test_networks_are_told_apart_and_each_has_its_chart() -> None:
    second = [row | {"model": "micro_cnn"} for row in rows()]
    header, *body = SECTION.rows(run([*rows(), *second]))
    assert header[0] == "Network" and [line[0] for line in body[::9]] == [
        "mobilenet_v2 on cifar10",
        "micro_cnn on cifar10",
    ]
    charts = SECTION.charts(run([*rows(), *second]))
    assert list(charts) == [STEM, f"{STEM}_2"] and "micro_cnn on cifar10" in charts[f"{STEM}_2"].to_json()


def test_the_chart_folds_five_axes_and_each_has_its_own_ticks() -> None:
    drawn = spec(run())
    folded = [t for layer in drawn["layer"] for t in layer.get("transform", ()) if "fold" in t]
    assert folded and all(t["fold"] == list(AXES) for t in folded)
    ticks: dict[str, list[tuple[str, float]]] = {}
    for layer in drawn["layer"]:
        for value in layer["data"]["values"]:
            if "label" in value:
                ticks.setdefault(value["axis"], []).append((value["label"], value["at"]))
    assert set(ticks) == set(AXES) and all(0 <= at <= 1 for found in ticks.values() for _, at in found)
    assert sorted(set(ticks["ActBits"])) == [("4", 0.0), ("6", 0.5), ("8", 1.0)]
    assert all(label.endswith("%") for label, _ in ticks["QuantAcc"]) and len(ticks["QuantAcc"]) >= 3


def test_the_chart_is_coloured_by_accuracy_and_answers_the_pointer() -> None:
    drawn = spec(run())
    (hover,) = drawn["params"]
    assert hover["name"] == "hover" and hover["select"]["fields"] == ["id"]
    line = next(layer for layer in drawn["layer"] if layer["mark"]["type"] == "line")
    assert line["encoding"]["color"]["field"] == "QuantAcc" and line["encoding"]["detail"]["field"] == "id"
    assert {tip["field"] for tip in line["encoding"]["tooltip"]} >= {"id", "size", "accuracy"}
    assert "9 combinations; the most accurate is mobilenet_v2-w8a8-simulation (93.99%, 2.43 MB)" in drawn["description"]


def test_the_same_results_draw_the_same_chart() -> None:
    assert spec(run()) == spec(run())


@pytest.mark.parametrize("change", [{"top1": 0.5}, {"weight_bits": 8}, {"activation_bits": 8, "size_mb": 0.0}])
def test_an_axis_on_which_nothing_moves_is_drawn_all_the_same(change: dict[str, Any]) -> None:
    svg = build(run([row | change for row in rows()]), [SECTION]).charts[0].svg
    assert "NaN" not in svg and "Infinity" not in svg


def test_what_was_not_measured_is_not_drawn() -> None:
    broken = [row | {"top1": None} for row in rows()[:8]]
    assert SECTION.charts(run([*broken, rows()[8]])) == {}, "one line alone compares nothing"
    assert SECTION.rows(run(broken))[1][6] == "–"
