"""results.json (schema edgequant/1): the record of a run, its recommendation and its criteria."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.disk import SCHEMA
from ..study import Criterion, Study, to_dict

MEASURED = (
    "file", "sha256", "bytes", "bytes_compressed", "bytes_estimated", "size_ratio", "n", "top1", "top5", "top1_ci95",
    "hits", "drop", "drop_ci95", "p_value", "latency_ms", "latency_ms_all_threads", "peak_memory_bytes", "arena_bytes",
    "kernels", "compression", "parity", "seconds", "validation_top1", "eager_latency_ms",
)  # fmt: skip
PACKAGES = ("torch", "ai-edge-litert", "onnxruntime", "onnx", "numpy")


def environment(seed: int, command: str, folder: Path) -> dict[str, Any]:
    """Where and with what the figures were measured. `folder`: the run's, as it was typed."""
    import torch

    versions = {"edgequant": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        versions[name] = metadata.version(name)
    return {
        "versions": versions,
        "cpu": _cpu(),
        "threads": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "torch_threads": torch.get_num_threads(),  # the last bits of trained weights depend on it
        "system": platform.platform(),
        "seed": seed,
        "git": _git(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": command,
        "folder": str(folder),
    }


def command() -> str:
    """What was typed, as a shell reads it; from a program of one's own, that it was one: its path may tell too much."""
    if Path(sys.argv[0]).name in ("edgequant", "__main__.py"):
        return shlex.join(["edgequant", *sys.argv[1:]])
    return "edgequant (Python)"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    lines = info.read_text(errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _git() -> str | None:
    """The commit of the package's own checkout; None where it is installed from a wheel."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def blank(variant: Any, status: str, reason: str = "") -> dict[str, Any]:
    """A variant's record with every key, nothing measured yet."""
    calibration = variant.calibration
    record: dict[str, Any] = {
        "id": variant.id,
        "name": variant.name,
        "model": variant.network.name,
        "data": variant.network.data,
        "recipe": variant.plain,
        "refine": [r.partition(":")[0] for r in variant.refine],
        "calibration": {"method": calibration.method, "n": calibration.n, "seed": calibration.seed},
        "target": variant.target,
        "device": "local",
        "input": to_dict(variant.network.captured.inputs),
        "deployed": to_dict(variant.network.captured.deployed),
        "status": status,
        "reason": reason,
        "baseline_id": None,
    }
    return record | dict.fromkeys(MEASURED) | {"layers": []}


def assemble(study: Study, variants: list[dict[str, Any]], env: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    best, why = recommend(variants, study)
    return {
        "schema": SCHEMA,
        "study": to_dict(study),
        "environment": env,
        "notes": notes,
        "recommended": best,
        "recommendation_reason": why,
        "variants": variants,
        "criteria": [result for c in study.criteria for result in judge_criterion(c, variants, best)],
    }


def recommend(variants: list[dict[str, Any]], study: Study) -> tuple[str | None, str]:
    """The file to ship, and why, in words. Accuracy is judged on the validation split, never on test.

    Of the files of the first network that kept their promise (parity) and lost at most `max_drop` points
    on validation: those that meet the study's criteria for the recommended file, if any does; of these the
    smallest that is no slower than float32 in its runtime, or the fastest where all are slower.
    """
    done = [v for v in variants if v["status"] == "ok" and v["bytes"]]
    if not done:
        simulated = any(v["status"] == "ok" for v in variants)
        return None, "Every variant is simulated, so there is no file." if simulated else "No variant could be made."
    first = [v for v in done if (v["model"], v["data"]) == (done[0]["model"], done[0]["data"])]
    fitting = [v for v in first if _fits(v, first, study.max_drop)]
    if not fitting:
        plain = next((v for v in first if v["recipe"] == "float32"), first[0])
        return plain[
            "id"
        ], f"No smaller file stayed within {study.max_drop:g} points of float32 on the validation split."
    asked = [c for c in study.criteria if c.variant == "recommended" and c.metric in ("size_ratio", "bytes")]
    meeting = [v for v in fitting if all(_judged(c, v)["met"] for c in asked)]
    pool = meeting or fitting
    quick = [v for v in pool if not _slower(v, first)]
    # of files equally large, as with and without learned rounding, the one that answers better on validation
    best = min(quick, key=lambda v: (v["bytes"], -v["validation_top1"])) if quick else min(pool, key=_p50)
    return best["id"], _reason(study, bool(quick), bool(meeting) and bool(asked))


def _reason(study: Study, quick: bool, criteria: bool) -> str:
    kept = f"lost at most {study.max_drop:g} points on the validation split and kept its promise (parity)"
    wanted = " and meets the size that was asked for" if criteria else ""
    if quick:
        return f"The smallest file that {kept}{wanted}, and is no slower than float32 in its runtime."
    return f"It {kept}{wanted}; every such file is slower than float32 in its runtime, and this is the fastest of them."


def _base(v: dict[str, Any], variants: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((b for b in variants if b["id"] == v["baseline_id"]), None)


def _fits(v: dict[str, Any], variants: list[dict[str, Any]], max_drop: float) -> bool:
    base = _base(v, variants)
    if base is None or base is v or v["validation_top1"] is None or base["validation_top1"] is None:
        return False
    lost = 100 * (base["validation_top1"] - v["validation_top1"])
    kept = v["parity"] is None or v["parity"]["gate"] == "passed"
    return bool(lost <= max_drop and kept and v["bytes"] < base["bytes"])


def _slower(v: dict[str, Any], variants: list[dict[str, Any]]) -> bool:
    """By more than the five percent that two runs of one file may differ."""
    base = _base(v, variants)
    return base is not None and _p50(v) > 1.05 * _p50(base)


def _p50(v: dict[str, Any]) -> float:
    return float(v["latency_ms"]["p50"]) if v["latency_ms"] else 0.0


def judge_criterion(criterion: Criterion, variants: list[dict[str, Any]], best: str | None) -> list[dict[str, Any]]:
    """One line for each variant the criterion is about; an unmet one where there is none."""
    wanted = best or "" if criterion.variant == "recommended" else criterion.variant
    about = [v for v in variants if fnmatchcase(v["id"], wanted)]
    if not about:
        return [
            {"name": criterion.name, "variant": wanted or None, "want": _want(criterion), "got": None, "met": False}
        ]
    return [_judged(criterion, v) for v in about]


def _judged(criterion: Criterion, variant: dict[str, Any]) -> dict[str, Any]:
    """A variant that failed meets nothing, whatever was measured on it."""
    got: Any = variant
    for part in criterion.metric.split("."):
        got = got.get(part) if isinstance(got, dict) else None
    met = variant["status"] == "ok" and isinstance(got, int | float)
    met = met and (criterion.at_most is None or got <= criterion.at_most)
    met = met and (criterion.at_least is None or got >= criterion.at_least)
    return {"name": criterion.name, "variant": variant["id"], "want": _want(criterion), "got": got, "met": bool(met)}


UNITS = {"drop": " points", "size_ratio": "x", "bytes": " bytes"}


def _want(criterion: Criterion) -> str:
    bounds = (("at least", criterion.at_least), ("at most", criterion.at_most))
    wanted = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
    return f"{criterion.metric} {wanted}{UNITS.get(criterion.metric, '')}"


def exit_status(results: dict[str, Any]) -> int:
    """0 done; 1 where a criterion or a parity gate was missed, or a variant or a device that should run failed."""
    missed = any(not c["met"] for c in results["criteria"])
    failed = any(v["status"] == "failed" for v in results["variants"])
    broken = any(v["parity"] and v["parity"]["gate"] == "failed" for v in results["variants"])
    lost = any(d["status"] == "failed" for v in results["variants"] for d in v.get("devices", []))
    return int(missed or failed or broken or lost)
