"""A finished run in MLflow: what is sent, what is not, and what a user reads where nothing can be sent."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from edgequant import api
from edgequant.cli import main
from edgequant.commands import runs
from edgequant.core.errors import BadOption, MissingExtra
from edgequant.report import tracking
from edgequant.store.run import Run


class Refusal(Exception):
    """Stands for MlflowException."""


@dataclass
class Server:
    """Keeps what a client sends; takes nothing where `broken`."""

    broken: bool = False
    experiments: dict[str, str] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def client(self, tracking_uri: str) -> Server:
        if tracking_uri == "nonsense:":
            raise Refusal("what is nonsense?\nand more lines")
        return self

    def get_experiment_by_name(self, name: str) -> Any:
        if self.broken:
            raise Refusal("the server is down")
        return SimpleNamespace(experiment_id=self.experiments[name]) if name in self.experiments else None

    def create_experiment(self, name: str) -> str:
        return self.experiments.setdefault(name, str(len(self.experiments)))

    def create_run(self, experiment: str, run_name: str, tags: dict[str, str]) -> Any:
        self.runs.append({"experiment": experiment, "name": run_name, "tags": tags, "files": []})
        return SimpleNamespace(info=SimpleNamespace(run_id=str(len(self.runs) - 1)))

    def log_batch(self, run: str, metrics: list[Any], params: list[Any]) -> None:
        self.runs[int(run)] |= {"metrics": {m[0]: m[1] for m in metrics}, "params": dict(params)}

    def log_artifact(self, run: str, path: str) -> None:
        self.runs[int(run)]["files"].append(Path(path).name)

    def set_terminated(self, run: str, status: str = "FINISHED") -> None:
        self.runs[int(run)]["status"] = status


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    package, exceptions, entities = (ModuleType(name) for name in ("mlflow", "mlflow.exceptions", "mlflow.entities"))
    package.MlflowClient = made.client  # type: ignore[attr-defined]
    exceptions.MlflowException = Refusal  # type: ignore[attr-defined]
    entities.Metric = lambda *parts: parts  # type: ignore[attr-defined]
    entities.Param = lambda *parts: parts  # type: ignore[attr-defined]
    for module in (package, exceptions, entities):
        module.__spec__ = ModuleSpec(module.__name__, None)  # accelerate looks for it
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return made


@pytest.fixture
def finished(tmp_path: Path) -> Run:
    """Two variants: the recommended one with its file, and one that failed."""
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "litert-w8a8.tflite").write_bytes(b"file")
    good = {
        "id": "litert-w8a8", "model": "micro_cnn", "recipe": "w8a8", "refine": [], "status": "ok", "reason": "",
        "file": "artifacts/litert-w8a8.tflite", "top1": 0.9, "drop": 0.5, "bytes": 1000, "p_value": None,
        "latency_ms": {"p50": 0.25}, "parity": {"exact_fraction": 1.0, "gate": "passed"},
    }  # fmt: skip
    bad = {
        "id": "litert-w4a4",
        "status": "failed",
        "reason": "r" * 6000,
        "file": None,
        "latency_ms": None,
        "parity": {},
    }
    record = {
        "schema": "edgequant/1", "study": {"name": "tiny"}, "environment": {"cpu": "a cpu", "git": None},
        "recommended": "litert-w8a8", "variants": [good, bad],
    }  # fmt: skip
    (tmp_path / "results.json").write_text(json.dumps(record))
    return Run(record, tmp_path)


def test_a_run_is_one_run_with_one_inside_for_each_variant(server: Server, finished: Run) -> None:
    assert tracking.log(finished, "http://localhost") == "0"
    study, good, bad = server.runs
    assert server.experiments == {"edgequant/tiny": "0"}
    assert study["files"] == ["results.json"] and study["status"] == "FINISHED"
    assert study["tags"]["edgequant.recommended"] == "litert-w8a8" and "edgequant.git" not in study["tags"]
    assert good["tags"]["mlflow.parentRunId"] == bad["tags"]["mlflow.parentRunId"] == "0"
    assert good["params"] == {"model": "micro_cnn", "recipe": "w8a8", "refine": "[]"}
    assert good["files"] == ["litert-w8a8.tflite"] and good["status"] == "FINISHED"
    assert bad["metrics"] == {} and bad["files"] == [] and bad["status"] == "FAILED"
    assert len(bad["tags"]["edgequant.reason"]) == tracking.LONGEST


def test_only_what_was_measured_is_a_metric(server: Server, finished: Run) -> None:
    tracking.log(finished, "http://localhost")
    expected = {"top1": 0.9, "drop": 0.5, "bytes": 1000.0, "latency_ms.p50": 0.25, "parity.exact_fraction": 1.0}
    assert server.runs[1]["metrics"] == expected


def test_a_second_run_of_a_study_stands_beside_the_first(server: Server, finished: Run) -> None:
    tracking.log(finished, "http://localhost")
    assert tracking.log(finished, "http://localhost") == "3"
    assert {run["experiment"] for run in server.runs} == {"0"}


@pytest.mark.parametrize("file", ["../../results.json", "..", "artifacts/none.tflite", ""])
def test_no_other_file_than_an_artifact_is_sent(server: Server, finished: Run, file: str) -> None:
    finished.results["variants"][0]["file"] = file
    tracking.log(finished, "http://localhost")
    assert server.runs[1]["files"] == []


def test_a_server_that_takes_nothing_is_one_line(server: Server, finished: Run) -> None:
    with pytest.raises(BadOption, match=r"at 'nonsense:': what is nonsense\? Expected a tracking server"):
        tracking.log(finished, "nonsense:")
    server.broken = True
    with pytest.raises(BadOption, match="the server is down Expected"):
        tracking.log(finished, "http://localhost")


def test_without_the_package_the_user_reads_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtra, match="pip install"):
        tracking.client("http://localhost")
    assert main(["run", "digits", "--out", str(tmp_path / "run"), "--mlflow", "http://localhost"]) == 2
    assert "edgequant[mlflow]" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_commands_send_what_they_finished(
    server: Server, finished: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(api, "run", lambda *_, **__: finished)
    monkeypatch.setattr(api, "report", lambda _: [])
    monkeypatch.setattr(runs, "finish", lambda _: None)
    assert main(["run", "digits", "--mlflow", "http://localhost"]) == 0
    assert {run["name"] for run in server.runs} == {"tiny", "litert-w8a8", "litert-w4a4"}
    assert main(["report", str(finished.folder), "--mlflow", "http://localhost"]) == 0
    assert "MLflow run 3" in capsys.readouterr().out
    assert main(["report", str(finished.folder)]) == 0 and len(server.runs) == 6


def test_mlflow_itself_takes_a_run(finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "store").as_uri()
    found = tracking.client(uri).get_run(tracking.log(finished, uri))
    assert found.data.tags["edgequant.recommended"] == "litert-w8a8" and found.info.status == "FINISHED"
