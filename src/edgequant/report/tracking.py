"""A finished run in MLflow: one run for the study, with its report, and one inside it for each variant (an extra)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from ..core.errors import BadOption
from ..core.extras import need
from ..store.run import Run
from . import lookup as look

LONGEST = 5000  # characters of a tag that every MLflow server takes
PARAMS = ("model", "data", "recipe", "refine", "target", "device", "calibration")
METRICS = (
    "top1", "top5", "drop", "p_value", "validation_top1", "bytes", "bytes_estimated", "size_ratio", "n",
    "peak_memory_bytes", "latency_ms.p50", "latency_ms.p90", "latency_ms.p99", "parity.exact_fraction",
    "parity.max_lsb", "parity.top1_agreement", "seconds.calibrate", "seconds.refine", "seconds.lower",
    "seconds.evaluate",
)  # fmt: skip
REPORTS = ("results.json", "study.toml", "report.html", "report.md", "report.pdf")


def client(uri: str) -> Any:
    """A client of the tracking server at `uri`; nothing is sent yet. Raises MissingExtra and BadOption."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # a measuring tool tells nobody that it ran
    mlflow = need("mlflow", "mlflow", "--mlflow")
    from mlflow.exceptions import MlflowException

    try:
        return mlflow.MlflowClient(tracking_uri=uri)
    except MlflowException as error:
        raise _refused(uri, error) from error


def log(run: Run, uri: str) -> str:
    """Send a finished run. The id of the study's MLflow run. Raises MissingExtra and BadOption."""
    to = client(uri)
    from mlflow.exceptions import MlflowException

    try:
        return _log(run, to)
    except (MlflowException, OSError) as error:
        raise _refused(uri, error) from error


def _refused(uri: str, error: Exception) -> BadOption:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return BadOption(
        f"MLflow took nothing at {uri!r}: {first} Expected a tracking server, as --mlflow http://localhost:5000."
        " Every result is in the run folder; `edgequant report DIR --mlflow URI` sends it again."
    )


def _log(run: Run, to: Any) -> str:
    study = look.mapping(run.results.get("study"))
    name = str(study.get("name") or run.folder.name)
    found = to.get_experiment_by_name(f"edgequant/{name}")
    experiment = found.experiment_id if found else to.create_experiment(f"edgequant/{name}")
    environment = look.mapping(run.results.get("environment"))
    # What a reader looks for first: the file to ship, and what measured it.
    tags = {f"edgequant.{key}": environment.get(key) for key in ("cpu", "git", "command", "time")}
    tags |= {"edgequant.recommended": run.results.get("recommended"), "edgequant.schema": run.results.get("schema")}
    told = {key: str(value)[:LONGEST] for key, value in tags.items() if value}
    parent: str = to.create_run(experiment, run_name=name, tags=told).info.run_id
    for variant in look.variants(run):
        status, reason = str(variant.get("status")), str(variant.get("reason") or "")
        tags = {"mlflow.parentRunId": parent, "edgequant.status": status, "edgequant.reason": reason[:LONGEST]}
        child: str = to.create_run(experiment, run_name=str(variant.get("id")), tags=tags).info.run_id
        _log_variant(to, child, variant)
        shipped = run.folder / "artifacts" / (look.file_name(variant) or "")
        if variant is look.recommended(run) and shipped.is_file():
            to.log_artifact(child, str(shipped))
        to.set_terminated(child, status="FAILED" if status == "failed" else "FINISHED")
    for file in REPORTS:
        if (run.folder / file).is_file():
            to.log_artifact(parent, str(run.folder / file))
    to.set_terminated(parent)
    return parent


def _log_variant(to: Any, child: str, variant: look.Variant) -> None:
    """The figures and the options of a variant, in its MLflow run `child`."""
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0) for name, value in metrics_of(variant)]
    to.log_batch(child, metrics=metrics, params=[Param(name, str(variant[name])) for name in PARAMS if name in variant])


def metrics_of(variant: look.Variant) -> Iterator[tuple[str, float]]:
    """(name, number) of what was measured; nothing for what was not."""
    for name in METRICS:
        outer, _, inner = name.partition(".")
        value = look.mapping(variant.get(outer)).get(inner) if inner else variant.get(outer)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, float(value)
