"""results.json (schema edgequant/1): the record of a run, its recommendation and its criteria."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import __version__
from ..host.machine import cores, cpu_name
from ..store.disk import SCHEMA
from .criteria import judge_criterion
from .recommendation import recommend
from .study import Study, to_dict

PACKAGES = ("torch", "ai-edge-litert", "onnxruntime", "onnx", "numpy")


def environment(seed: int, command: str, folder: Path) -> dict[str, Any]:
    """Where and with what the figures were measured. `folder`: the run's, as it was typed."""
    import torch

    versions = {"edgequant": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        versions[name] = metadata.version(name)
    return {
        "versions": versions,
        "cpu": cpu_name(),
        "threads": cores(),
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


def _git() -> str | None:
    """The commit of the package's own checkout; None where it is installed from a wheel."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


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


def exit_status(results: dict[str, Any]) -> int:
    """0 done; 1 where a criterion or a parity gate was missed, or a variant or a device that should run failed."""
    missed = any(not c["met"] for c in results["criteria"])
    failed = any(v["status"] == "failed" for v in results["variants"])
    broken = any(v["parity"] and v["parity"]["gate"] == "failed" for v in results["variants"])
    lost = any(d["status"] == "failed" for v in results["variants"] for d in v.get("devices", []))
    return int(missed or failed or broken or lost)
