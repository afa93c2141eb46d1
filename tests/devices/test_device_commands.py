"""--device, --delegate and --edgetpu on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from device_samples import write

Cli = Callable[..., Any]


def test_a_benchmark_names_its_device_and_conditions(edgequant: Cli, tmp_path: Path) -> None:
    said = edgequant("benchmark", write(tmp_path), "--json")
    record = json.loads(said.out)
    assert said.status == 0 and record["device"] == "local" and record["attempts"] == 1
    assert set(record["conditions"]) == {"before", "after"} and record["files"][0]["latency_ms"]["p50"] > 0


def test_the_table_shows_intervals_far_out_runs_and_the_profile(edgequant: Cli, tmp_path: Path) -> None:
    said = edgequant("benchmark", write(tmp_path, target="onnxruntime"), "--profile")
    assert said.status == 0
    for word in ("95%", "far out", "governor", "microseconds an operator", "QLinearConv"):
        assert word in said.out, said.out


def test_a_device_nobody_knows_is_refused(edgequant: Cli, tmp_path: Path) -> None:
    assert "No device is named 'usb'" in edgequant("benchmark", write(tmp_path), "--device", "usb:1").refusal
    refusal = edgequant("evaluate", write(tmp_path), "--data", "digits", "--device", "usb:1").refusal
    assert "Known: adb, local, ssh" in refusal


def test_a_delegate_is_for_tflite(edgequant: Cli, tmp_path: Path) -> None:
    refusal = edgequant("benchmark", write(tmp_path, target="onnxruntime"), "--delegate", "lib.so").refusal
    assert "--delegate takes LiteRT's delegates" in refusal


def test_a_delegate_that_is_not_there_is_named(edgequant: Cli, tmp_path: Path) -> None:
    assert "libnothing.so" in edgequant("benchmark", write(tmp_path), "--delegate", "/libnothing.so").refusal


def test_the_edge_tpu_report_is_of_tflite(edgequant: Cli, tmp_path: Path) -> None:
    said = edgequant("inspect", write(tmp_path), "--edgetpu", "--json")
    assert json.loads(said.out)["edgetpu"]["edge_tpu"] > 0
    refusal = edgequant("inspect", write(tmp_path, target="onnxruntime"), "--edgetpu").refusal
    assert "--edgetpu takes a .tflite" in refusal
