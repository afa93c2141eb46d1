"""The sections on sensitivity and on mixed precision, and their charts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgequant.questions.search.section import Search
from edgequant.questions.sensitivity.section import Sensitivity
from edgequant.report import format as fmt
from edgequant.report.document import build
from edgequant.report.mix import verdict
from edgequant.store.run import Run


def row(layer: str, bits: int, kl: float, drop: float | None = 0.0, **changes: Any) -> dict[str, Any]:
    fixed = {"layer": layer, "op": "conv2d", "kind": "alone", "weight_bits": bits, "activation_bits": 8}
    figures = {"parameters": 100, "drop": drop, "drop_ci95": [-0.2, 1.4], "kl": kl, "sqnr_db": 20.0, "images": 512}
    return fixed | figures | {"mark": ""} | changes


def sensitivity(**changes: Any) -> Run:
    rows = [row("a", 8, 1e-5), row("a", 4, 1e-2), row("b", 8, 1e-4), row("b", 4, 0.5, 2.0, mark="SENSITIVE")]
    rows += [row("b", 4, 0.1, kind="spared", kl_saved=0.4)]
    record = {"network": "net", "data": "images", "mode": "exact", "split": "validation", "n": 512, "threshold": 0.5}
    record |= {"rows": rows, "advice": {"text": "Keep 1 layer at 8-bit weights."}} | changes
    return Run({"sensitivity": [record]}, Path("unused"))


def search(**changes: Any) -> Run:
    choice = {"a": "w4a8", "b": "w8a8"}
    front = [
        {"narrow": n, "bytes": 1e6 + n, "ms": 0.5, "kl": 0.1 / (n + 1), "top1": 0.9, "drop": 0.1, "drop_ci95": [0, 0.2]}
        | {"choice": choice if n else {}}
        for n in (0, 1)
    ]
    options = [{"scheme": s, "bytes": 1, "ms": ms, "harm": 0} for s, ms in (("w8a8", 0.1), ("w4a8", 0.2))]
    record = {"network": "net", "data": "images", "target": "litert", "schemes": ["w8a8", "w4a8"], "n": 64}
    record |= {"split": "validation", "front": front, "layers": [{"layer": "a", "options": options}]}
    record |= {"base": {"measured": {"bytes": 1000}}, "both": {"base": {"p50": 0.4}, "chosen": {"p50": 0.5}}}
    record |= {"chosen": {"choice": choice, "recipe": "artifacts/mixed.toml", "measured": {"bytes": 700}}} | changes
    return Run({"search": [record]}, Path("unused"))


def test_they_are_left_out_of_a_report_without_them() -> None:
    empty = Run({}, Path("unused"))
    assert build(empty, [Sensitivity(), Search()]).parts == []
    assert Sensitivity().charts(empty) == Search().charts(empty) == {}


def test_layers_stand_in_the_order_of_what_they_cost() -> None:
    header, *body = Sensitivity().rows(sensitivity())
    assert [(line[0], line[3]) for line in body] == [("b", "w4a8"), ("b", "w8a8"), ("a", "w4a8"), ("a", "w8a8")]
    assert body[0][4] == "2.00 pt (−0.20 to 1.40)" and body[0][-1] == "SENSITIVE" and len(header) == len(body[0])
    assert body[0][7] == "0.4" and body[1][7] == fmt.ABSENT


def test_the_words_say_how_it_was_found_and_what_to_do() -> None:
    text = Sensitivity().text(sensitivity())
    assert "on 512 validation images (exact: every layer was tried" in text and "0.50 pt or more" in text
    assert "**What to do.** Keep 1 layer at 8" in text
    assert "predicted to second order" in Sensitivity().text(sensitivity(mode="fast"))


def test_networks_are_told_apart() -> None:
    both = Run({"sensitivity": sensitivity().results["sensitivity"] * 2}, Path("unused"))
    header, *body = Sensitivity().rows(both)
    assert header[0] == "Network" and body[0][0] == "net on images"
    assert set(Sensitivity().charts(both)) == {"sensitivity", "sensitivity_2"}


def test_the_chart_has_a_dot_for_each_layer_and_width_that_changed_anything() -> None:
    text = Sensitivity().charts(sensitivity())["sensitivity"].to_json(indent=None)
    assert "2 layers; most sensitive first: b, a" in text and all(
        f'"kl": {v}' in text for v in (1e-05, 0.01, 0.0001, 0.5)
    )
    silent = sensitivity(rows=[row("a", 4, 0.0)])
    assert Sensitivity().charts(silent) == {}


def test_the_search_says_what_was_chosen_what_it_measures_and_what_is_slower() -> None:
    text = Search().text(search())
    times = f"{fmt.milliseconds(0.5)} against {fmt.milliseconds(0.4)}"
    assert text.startswith("**The chosen mix is 1.25× slower than w8a8 everywhere (" + times), "the price comes first"
    assert "1.43× smaller than it (700 bytes against 1,000)" in text
    assert "more than 5% slower than the first in 1 of 1 layers" in text
    _, *body = Search().rows(search())
    assert [line[-1] for line in body] == ["", "chosen"] and body[0][1] == "1,000,000"
    chart = Search().charts(search())["search"].to_dict()
    assert "2 mixes from 1.000 MB" in chart["description"]


def test_a_search_without_a_runtime_has_no_times() -> None:
    bare = search(both=None, layers=[])
    assert "The chosen mix is not timed" in Search().text(bare) and "slower" not in Search().text(bare)


@pytest.mark.parametrize(
    ("ends", "words"),
    [([1.1, 1.4], "1.25× slower than w8a8"), ([0.9, 1.4], "within the noise as fast as w8a8"), (None, "1.25× slower")],
)
def test_a_mix_is_slower_where_the_interval_of_the_ratio_says_so(ends: Any, words: str) -> None:
    assert words in verdict(search(ratio={"ci95": ends}).results["search"][0])


def test_a_mix_that_is_none_and_answers_that_mean_nothing_are_named() -> None:
    (record,) = search(unfit="The weights are random.").results["search"]
    assert verdict(record).endswith("The weights are random.")
    none = record | {"chosen": record["chosen"] | {"narrow": 0}}
    assert verdict(none).startswith("Nothing narrower fits the budgets: the chosen mix is w8a8 in every layer.")


def test_whatever_stands_in_the_record_is_survived() -> None:
    for broken in ([None], [{}], {"a": 1}, [{"rows": [{}], "front": [{}], "layers": [{}], "advice": 3}]):
        run = Run({"sensitivity": broken, "search": broken}, Path("unused"))
        for section in (Sensitivity(), Search()):
            section.text(run), section.rows(run), section.charts(run)
