"""results.json (schema edgequant/1): the record of a run, its recommendation and its criteria."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from fnmatch import fnmatchcase
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import __version__
from ..study import Criterion, Study, to_dict

SCHEMA = "edgequant/1"
PACKAGES = ("torch", "ai-edge-litert", "onnxruntime", "onnx", "numpy")


def environment(seed: int, command: str) -> dict[str, Any]:
    """Where and with what the figures were measured."""
    versions = {"edgequant": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        versions[name] = metadata.version(name)
    return {
        "versions": versions,
        "cpu": _cpu(),
        "threads": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "seed": seed,
        "git": _git(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": command,
    }


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
        "recipe": variant.name.split("-")[0] if variant.refine else variant.name,
        "refine": [r.partition(":")[0] for r in variant.refine],
        "calibration": {"method": calibration.method, "n": calibration.n, "seed": calibration.seed},
        "target": variant.target,
        "device": "local",
        "status": status,
        "reason": reason,
        "baseline_id": None,
    }
    nothing = (
        "file sha256 bytes bytes_estimated size_ratio n top1 top5 top1_ci95 drop drop_ci95 p_value latency_ms"
        " latency_ms_all_threads peak_memory_bytes kernels compression parity seconds validation_top1 eager_latency_ms"
    )
    return record | dict.fromkeys(nothing.split()) | {"layers": []}


def assemble(study: Study, variants: list[dict[str, Any]], env: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    best, why = recommend(variants, study.max_drop)
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


def recommend(variants: list[dict[str, Any]], max_drop: float) -> tuple[str | None, str]:
    """The file to ship, chosen on the validation split: of those that lose at most `max_drop` points there against
    their float32, whose parity gate passed and that are no slower than float32, the smallest; and why, in words.

    Latency and size are no matter of a split. Where none is left, the float32 of the first target.
    """
    done = [v for v in variants if v["status"] == "ok"]
    if not done:
        return None, "No variant could be made."
    first = {(v["model"], v["data"]) for v in done[:1]}  # a study of several networks recommends for its first
    same = [v for v in done if (v["model"], v["data"]) in first]
    fitting = [v for v in same if _fits(v, same, max_drop)]
    if not fitting:
        plain = next((v for v in same if v["recipe"] == "float32"), same[0])
        return plain["id"], f"No smaller file stayed within {max_drop:g} points of float32 on the validation split."
    best = min(fitting, key=lambda v: (v["bytes"], v["latency_ms"]["p50"] if v["latency_ms"] else 0))
    return best["id"], (
        f"The smallest file that lost at most {max_drop:g} points on the validation split, kept its promise"
        " (parity) and is no slower than float32 in its runtime."
    )


def _fits(v: dict[str, Any], all_of_them: list[dict[str, Any]], max_drop: float) -> bool:
    base = next((b for b in all_of_them if b["id"] == v["baseline_id"]), None)
    if base is None or base is v or v["validation_top1"] is None or base["validation_top1"] is None:
        return False
    lost = 100 * (base["validation_top1"] - v["validation_top1"])
    kept = v["parity"] is None or v["parity"]["gate"] == "passed"
    slower = bool(v["latency_ms"] and base["latency_ms"]) and v["latency_ms"]["p50"] > 1.05 * base["latency_ms"]["p50"]
    return lost <= max_drop and kept and not slower and v["bytes"] < base["bytes"]


def judge_criterion(criterion: Criterion, variants: list[dict[str, Any]], best: str | None) -> list[dict[str, Any]]:
    """One line for each variant the criterion is about; an unmet one where there is none."""
    wanted = best or "" if criterion.variant == "recommended" else criterion.variant
    about = [v for v in variants if fnmatchcase(v["id"], wanted)]
    if not about:
        return [{"name": criterion.name, "variant": wanted or None, "want": _want(criterion), "got": None, "met": False}]
    return [_judged(criterion, v) for v in about]


def _judged(criterion: Criterion, variant: dict[str, Any]) -> dict[str, Any]:
    got: Any = variant
    for part in criterion.metric.split("."):
        got = got.get(part) if isinstance(got, dict) else None
    met = isinstance(got, int | float)
    met = met and (criterion.at_most is None or got <= criterion.at_most)
    met = met and (criterion.at_least is None or got >= criterion.at_least)
    return {"name": criterion.name, "variant": variant["id"], "want": _want(criterion), "got": got, "met": bool(met)}


def _want(criterion: Criterion) -> str:
    bounds = (("at least", criterion.at_least), ("at most", criterion.at_most))
    return f"{criterion.metric} " + " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


def exit_status(results: dict[str, Any]) -> int:
    """0 done; 1 where a criterion or a parity gate was missed, or a variant that should run failed."""
    missed = any(not c["met"] for c in results["criteria"])
    failed = any(v["status"] == "failed" for v in results["variants"])
    broken = any(v["parity"] and v["parity"]["gate"] == "failed" for v in results["variants"])
    return int(missed or failed or broken)
