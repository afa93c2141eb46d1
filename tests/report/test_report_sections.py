"""What each section says of a realistic run, and that it says something of a broken one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from edgequant.catalog import SECTIONS
from edgequant.report import headline
from edgequant.report.charts.charts import Point
from edgequant.store.run import Run
from report_sample import results

FOLDER = Path("unused")
SAMPLE = results()
VARIANT_KEYS = sorted({key for variant in SAMPLE["variants"] for key in variant})


def section(name: str):
    return SECTIONS.build(name)


def run(**changes: Any) -> Run:
    return Run(results() | changes, FOLDER)


def variant(content: dict[str, Any], name: str) -> dict[str, Any]:
    return next(v for v in content["variants"] if v["id"] == name)


def say_everything(of: Run) -> None:
    for name in SECTIONS:
        made = section(name)
        rows = made.rows(of)
        assert isinstance(made.text(of), str)
        assert all(isinstance(cell, str) for row in rows for cell in row)
        assert len({len(row) for row in rows}) <= 1
    headline.figures(of), headline.answer(of), headline.title(of)


@pytest.mark.parametrize("name", list(SECTIONS))
def test_every_section_has_a_title_a_text_and_a_table(name):
    made = section(name)
    assert made.title and made.text(run())
    header, *rows = made.rows(run())
    assert rows and all(len(row) == len(header) for row in rows)


def test_the_recommendation_answers_first():
    text = section("recommendation").text(run())
    assert text.startswith("Ship `mobilenet_v2-w8a8-qat.tflite`.")
    assert "**94.06%** (95% CI 93.60 to 94.51) on 10,000 test images" in text
    assert "drop of **0.13 pt** against float32 (95% CI −0.08 to 0.33; paired p = 0.212)" in text
    assert "**2.46 MB (2,462,008)**, 3.62× smaller" in text
    assert "**0.23 ms** in `litert`" in text and "4.35× faster than float32 in the same runtime" in text


def test_the_recommendation_names_what_is_not_met_and_who_meets_it():
    text = section("recommendation").text(run())
    assert "wanted ≥ 4.00×, got 3.62× from `mobilenet_v2-w8a8-qat-litert`" in text
    assert "`mobilenet_v2-w4a8-qat-litert` meets it." in text
    every = [{"name": "small", "variant": None, "want": 4, "got": 5, "met": True}]
    assert "Nothing: all 1 criteria are met." in section("recommendation").text(run(criteria=every))


@pytest.mark.parametrize(
    ("changed", "way"),
    [
        ({"recipe": "w4a8", "refine": []}, "`w4a8+adaround` and `w4a8+qat`"),
        ({"recipe": "w4a8", "refine": ["adaround"]}, "`edgequant sensitivity`"),
        ({"recipe": "w8a8", "refine": []}, "`edgequant doctor`"),
        ({"recipe": "dynamic-w8", "refine": []}, "`w8a8` measures them"),
    ],
)
def test_a_collapse_is_named_with_a_way_out(changed, way):
    content = results()
    name = content["variants"][1]["id"]
    variant(content, name).update(changed, status="ok", drop=68.8, drop_ci95=[65.9, 71.7])
    text = section("variants").text(Run(content, FOLDER))
    assert f"`{name}` collapsed: 68.80 pt (65.90 to 71.70) lost." in text and way in text
    variant(content, name).update(drop_ci95=[4.9, 71.7])
    assert "collapsed" not in section("variants").text(Run(content, FOLDER))


def test_a_gain_is_not_called_a_drop():
    content = results()
    variant(content, content["recommended"]).update(drop=-0.25, drop_ci95=None, p_value=None)
    assert "a gain of **0.25 pt** against float32." in section("recommendation").text(Run(content, FOLDER))


def test_a_failed_parity_gate_stops_the_recommendation():
    text = section("recommendation").text(run(recommended="mobilenet_v2-w4a8-qat-litert"))
    assert "parity gate failed: do not ship it" in text
    assert "1.41× slower than float32 in the same runtime" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [("mobilenet_v2-w8a8-qat-litert", "ai_edge_litert"), ("mobilenet_v2-w8a8-onnxruntime", "onnxruntime")],
)
def test_the_snippet_is_python(name, words):
    text = section("recommendation").text(run(recommended=name))
    code = text.split("```python\n")[1].split("```")[0]
    compile(code, "snippet", "exec")
    assert words in code and "np.asarray(photo" in code
    assert "```c\n" in text


def test_the_snippet_says_what_it_does_not_know():
    content = results()
    del content["input"]
    assert "were not recorded" in section("recommendation").text(Run(content, FOLDER))
    content["input"] = {"channels": 1, "mean": [0.1, 0.2], "std": [1, 1], "resize": 256}
    text = section("recommendation").text(Run(content, FOLDER))
    assert "np.array([0.1, 0.2], np.float32)" in text and "convert('L')" in text and "shorter side 256" in text


def test_criteria_are_judged():
    verdicts = [row[-1] for row in section("criteria").rows(run())[1:]]
    assert verdicts == ["✓ met", "✓ met", "✗ not met", "✓ met", "✗ not met"]
    unjudged = [{"name": "x", "met": None}]
    assert section("criteria").rows(run(criteria=unjudged))[1][-1] == "not judged"
    assert section("criteria").text(run(criteria=[])) == "The study sets no criteria."


def test_the_framework_has_a_column_of_its_own():
    header, *rows = section("variants").rows(run())
    column = header.index("PyTorch eager, float32")
    assert [row[column] for row in rows if row[column] != "–"] == ["9.41 ms"]
    said = " ".join(section(name).text(run()) for name in SECTIONS)
    assert "speed-up" not in said and "9.41" not in said
    content = results()
    variant(content, "mobilenet_v2-float32-litert").pop("eager_latency_ms")
    assert "PyTorch eager, float32" not in section("variants").rows(Run(content, FOLDER))[0]


def test_what_did_not_run_has_its_reason():
    text = section("variants").text(run())
    assert "16 variants: 14 ok, 1 unsupported, 1 failed." in text
    assert "- `mobilenet_v2-w8a16-onnxruntime`, unsupported: ONNX Runtime has no int16 activation kernels." in text
    status = {row[0]: row[-1] for row in section("variants").rows(run())}
    assert status["mobilenet_v2-w4a8-qat-litert"] == "ok, parity failed"


def test_a_simulation_has_an_estimate_and_no_ratio():
    header, *rows = section("variants").rows(run())
    (row,) = [row for row in rows if row[0].endswith("simulation")]
    assert row[header.index("File")] == "~1.21 MB (1,210,000)" and row[header.index("Ratio")] == "–"


def test_a_baseline_has_no_ratio_to_itself():
    header, *rows = section("variants").rows(run())
    assert {row[header.index("Ratio")] for row in rows if "float32" in row[0]} == {"–"}


def test_the_fronts_are_named():
    rows = {row[0]: row[-1] for row in section("accuracy").rows(run())[1:]}
    assert rows["★ mobilenet_v2-w8a8-qat-litert"] == "latency, size"
    assert rows["micro_cnn-w8a8-litert"] == "latency, size"
    assert rows["mobilenet_v2-w8a16-litert"] == "size"
    assert "mobilenet_v2-w8a8-onnxruntime" not in rows


def test_the_charts_hold_every_measured_file_and_their_front():
    charts = section("accuracy").charts(run())
    assert list(charts) == [
        "pareto_chart",
        "pareto_chart_recommended",
        "pareto_size",
        "pareto_size_recommended",
    ]
    drawn = charts["pareto_chart"].to_dict()
    assert "13 variants, of which nothing beats micro_cnn-w8a8-litert" in drawn["description"]
    assert set(Point.__dataclass_fields__) >= {"cost", "top1", "low", "high"}


def test_times_of_two_devices_are_not_compared():
    content = results()
    for one in content["variants"]:
        one["device"] = "ssh:pi" if one["model"] == "micro_cnn" else "local"
    made = Run(content, FOLDER)
    charts = section("accuracy").charts(made)
    assert "pareto_chart_2" in charts and "pareto_size_2" not in charts
    assert "ssh:pi" in charts["pareto_chart_2"].to_dict()["title"]["text"]
    groups = {row["group"] for row in _values(section("latency").charts(made)["latency_chart"].to_dict())}
    assert groups == {"litert, local", "onnxruntime, local", "litert, ssh:pi"}


def _values(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return spec["layer"][0]["data"]["values"] if "data" in spec["layer"][0] else spec["data"]["values"]


def test_slower_files_are_named_with_the_kernels_that_ran():
    text = section("latency").text(run())
    assert "`mobilenet_v2-w8a16-litert` is 14.20× slower than float32 in `litert` (14.2 ms against 1.00 ms)." in text
    assert "54 of its 66 operators were not delegated (float32: 0 of 66): no fast kernel took them." in text
    assert "Where its operators ran: 54 `CONV_2D`, 12 `XNNPACK`." in text
    assert "`mobilenet_v2-w8a8-litert` is" not in text


def test_the_cause_is_not_made_up():
    content = results()
    slow = variant(content, "mobilenet_v2-w8a16-litert")
    slow["kernels"] = None
    assert "Which kernels ran was not recorded." in section("latency").text(Run(content, FOLDER))
    slow["kernels"] = {"delegated": 66, "total": 66}
    assert "so the kernels themselves take longer here" in section("latency").text(Run(content, FOLDER))


def test_nothing_slower_is_said():
    content = results()
    content["variants"] = [v for v in content["variants"] if v["recipe"] in ("float32", "w8a8")]
    assert "No quantized file was found to be slower" in section("latency").text(Run(content, FOLDER))


def test_parity_failures_are_named():
    text = section("parity").text(run())
    assert "12 of 13 files passed their gate" in text and "**Failed: `mobilenet_v2-w4a8-qat-litert`.**" in text
    content = results()
    variant(content, "micro_cnn-w8a8-litert")["parity"] = None
    assert "Not checked: `micro_cnn-w8a8-litert`." in section("parity").text(Run(content, FOLDER))


def test_layers_are_of_the_recommended_and_the_others_counted():
    rows = section("layers").rows(run())
    assert rows[-1] == ("classifier", "linear", "float", "float", "per channel", "float", "left in float by the recipe")
    text = section("layers").text(run())
    assert "layer by layer: 53 quantized, 1 float (left in float by the recipe)." in text
    assert "- 54 float (float16 keeps activations in float): `mobilenet_v2-float16-litert`" in text


def test_the_environment_is_flat_and_can_be_repeated():
    rows = dict(section("environment").rows(run())[1:])
    assert rows["torch"] == "2.13.0" and rows["threads.all"] == "2" and "command" not in rows
    text = section("environment").text(run())
    assert "`edgequant run flagship --out runs/flagship`" in text and "edgequant run study.toml --out" in text
    started = {"command": "edgequant run 'my study.toml'", "folder": "runs/my study", "torch_threads": 2}
    text = section("environment").text(run(environment=started))
    assert "edgequant run 'runs/my study/study.toml' --out 'runs/my study/repeated'" in text
    assert "in the folder in which it was started" in text and "2 threads (`OMP_NUM_THREADS=2`)" in text
    asked = run(environment=started | {"command": "edgequant sensitivity digits"}, sensitivity=[], variants=[])
    assert "edgequant sensitivity digits --out 'runs/my study/repeated'" in section("environment").text(asked)
    program = run(environment=started | {"command": "edgequant (Python)"})
    assert "run the program again" in section("environment").text(program)
    memory = run(study={"network": [{"model": "Net", "data": "in memory"}]})
    assert "memory of a Python program: run that again" in section("environment").text(memory)
    assert "```" not in section("environment").text(memory)
    listed = {"command": ["edgequant", "run"], "time": "now"}
    assert "Made by `edgequant run`." in section("environment").text(run(environment=listed))


@pytest.mark.parametrize("value", [None, "x", [], {}])
@pytest.mark.parametrize("key", sorted(SAMPLE))
def test_a_key_of_the_results_may_be_anything(key, value):
    say_everything(run(**{key: value}))


def without(content: dict[str, Any], key: str, value: Any) -> Run:
    for one in content["variants"]:
        one.pop(key, None) if value == "missing" else one.update({key: value})
    return Run(content, FOLDER)


@pytest.mark.parametrize("key", VARIANT_KEYS)
def test_a_key_of_the_variants_may_be_missing_or_wrong(key):
    for value in (None, "x", [], "missing"):
        say_everything(without(results(), key, value))


@pytest.mark.parametrize(
    ("key", "value", "drawn"),
    [
        ("top1", "x", {"latency_chart"}),
        ("latency_ms", None, {"pareto_size"}),
        ("bytes", "x", {"pareto_chart", "latency_chart"}),
        ("top1_ci95", [None], {"pareto_chart", "pareto_size", "latency_chart"}),
        ("status", "failed", set()),
    ],
)
def test_what_was_measured_is_drawn_without_the_rest(key, value, drawn):
    content = results()
    content["variants"] = [v for v in content["variants"] if v["model"] == "micro_cnn"]
    made = without(content, key, value)
    assert {stem for name in ("accuracy", "latency") for stem in section(name).charts(made)} == drawn


def test_an_empty_run_says_so():
    empty = Run({}, FOLDER)
    say_everything(empty)
    assert headline.answer(empty) == "No file to ship"
    assert "holds no variants" in section("recommendation").text(empty)


def test_without_a_recommendation_the_report_says_why():
    assert headline.answer(run(recommended=None)) == "No file is recommended"
    text = section("recommendation").text(run(recommended=None, recommendation_reason="No variant met the drop."))
    assert text == "No variant is recommended. No variant met the drop."
    given = section("recommendation").text(run(recommendation_reason="The smallest within 0.5 pt"))
    assert "The smallest within 0.5 pt." in given


def test_a_section_changes_nothing():
    content = results()
    before = copy.deepcopy(content)
    say_everything(Run(content, FOLDER))
    assert content == before


def test_download_sizes_and_arena_stand_beside_the_file_size():
    content = results()
    for v in content["variants"]:
        v |= {"bytes_compressed": {"gzip": 900_000, "zstd": 800_000}, "arena_bytes": {"total": 123_456}}
    found = Run(content, FOLDER)
    comparison = {row[0]: row[1:] for row in section("recommendation").rows(found)}
    assert comparison["Download, zstd"] == ("800 kB", "800 kB", "1.00×")
    assert comparison["Arena"][0] == "123 kB" and comparison["File"][0] == "2.46 MB (2,462,008)"
    assert "Download, zstd" in section("variants").rows(found)[0]
    assert section("latency").rows(found)[0][-1] == "Arena"
    assert section("latency").rows(found)[1][-1] == "123 kB (123,456)"
    assert "Download, zstd" not in section("variants").rows(run())[0]


def test_every_variant_has_its_layers_the_recommended_one_first():
    views = section("layers").views(run())
    assert next(iter(views.items())) == ("mobilenet_v2-w8a8-qat-litert", section("layers").rows(run()))
    assert len(views) == 13 and section("layers").views(run(recommended=None)) == {}
