"""What the Edge TPU would take, on files whose operators are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgequant.backends.litert.edgetpu import compiled, report
from edgequant.core.errors import BadFile
from litert_samples import lowered, reference


def file(network: str, recipe: str, folder: Path) -> Path:
    return lowered(reference(network, recipe), folder)


def test_a_full_integer_file_is_taken_as_a_whole(tmp_path: Path) -> None:
    found = report(file("depthwise", "w8a8", tmp_path))
    assert found["edge_tpu"] == found["total"] == len(found["operators"]) > 0
    assert {row["where"] for row in found["operators"]} == {"edge tpu"} and found["fits_on_chip"]
    assert 0 < found["parameters"] < 10_000
    assert found["operators"][0]["op"] == "CONV_2D"


@pytest.mark.parametrize(
    ("network", "recipe", "op", "reason"),
    [
        ("mean", "float32", "CONV_2D", "it has float32 tensors; only 8-bit integers run there"),
        ("mean", "w8a16", "CONV_2D", "int16"),
        ("mean", "w4a8-all", "CONV_2D", "int4"),
    ],
)
def test_what_has_other_tensors_stays_on_the_cpu(
    network: str, recipe: str, op: str, reason: str, tmp_path: Path
) -> None:
    rows = {row["op"]: row for row in report(file(network, recipe, tmp_path))["operators"]}
    assert rows[op]["where"] == "cpu" and reason in rows[op]["reason"]


def test_behind_the_first_refused_operator_everything_is_the_cpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgequant.backends.litert import edgetpu

    monkeypatch.setattr(edgetpu, "TAKEN", edgetpu.TAKEN - {"MEAN"})
    found = report(file("depthwise", "w8a8", tmp_path))
    where = [(row["op"], row["where"]) for row in found["operators"]]
    at = [op for op, _ in where].index("MEAN")
    assert all(place == "edge tpu" for _, place in where[:at]) and all(place == "cpu" for _, place in where[at:])
    assert found["operators"][at]["reason"] == "the Edge TPU has no MEAN"
    assert found["operators"][at + 1]["reason"].startswith("behind MEAN")
    assert found["edge_tpu"] == at


class Options:
    def __init__(self, **fields: int) -> None:
        self.__dict__.update({"dilationHFactor": 1, "dilationWFactor": 1, "weightsFormat": 0, **fields})


class Tensor:
    def __init__(self, *shape: int, kind: int = 9, buffer: int = 0) -> None:  # 9: int8
        self.shape, self.type, self.buffer = list(shape), kind, buffer


@pytest.mark.parametrize(
    ("name", "options", "tensors", "reason"),
    [
        ("CONV_2D", Options(dilationHFactor=2), [], "dilations in height and width differ"),
        ("DEPTHWISE_CONV_2D", Options(dilationHFactor=2), [], "dilations in height and width differ"),
        ("DEPTHWISE_CONV_2D", Options(dilationHFactor=2, dilationWFactor=2), [], ""),
        ("FULLY_CONNECTED", Options(weightsFormat=1), [Tensor(1, 4)], "another format"),
        ("FULLY_CONNECTED", Options(), [Tensor(3, 4)], "more than one dimension"),
        ("SOFTMAX", Options(), [Tensor(3, 4)], "more than one dimension"),
        ("SOFTMAX", Options(), [Tensor(1, 16_001)], "over 16,000 elements"),
        ("SOFTMAX", Options(), [Tensor(1, 16_000)], ""),
        ("MAX_POOL_2D", Options(fusedActivationFunction=1), [Tensor(1, 2, 2, 1)], "fused activation is not taken"),
        ("ADD", Options(), [Tensor(8, 2, 2, 1)], "its batch is not 1"),
        ("ADD", Options(), [Tensor(1, 2, 2, 1)], ""),
    ],
)
def test_the_rules_of_single_operators(name: str, options: Options, tensors: list[Tensor], reason: str) -> None:
    from edgequant.backends.litert.edgetpu import _refusal

    found = _refusal(name, options, tensors)
    assert reason in found if reason else found == ""


def script(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = folder / "edgetpu_compiler"
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_compiler_has_the_word_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, "echo Number of operations that will run on Edge TPU: 7", monkeypatch)
    assert compiled(tmp_path / "a b.tflite") == "Number of operations that will run on Edge TPU: 7"


def test_a_refusal_of_the_compiler_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, "echo Model not quantized >&2; exit 1", monkeypatch)
    with pytest.raises(BadFile, match=r"edgetpu_compiler refused .*: Model not quantized. Give a full-integer"):
        compiled(tmp_path / "a.tflite")


def test_without_it_the_report_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "is not installed" in compiled(tmp_path / "a.tflite")
