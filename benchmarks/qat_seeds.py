"""PTQ and QAT side by side in their runtime: every recipe with every seed, the full test set, mean and interval.

The seed is that of the calibration draw and of the training; the float network is one and the same. A recipe is
written as for `--recipe`; `seed=` is added to its training. Resumable: what an earlier call finished in --out is kept.

    python benchmarks/qat_seeds.py STUDY --recipes w8a8 w8a8+qat w4a8 w4a8+qat+distill --seeds 0 1 2 \\
        --target litert --out runs/seeds --json benchmarks/results/qat.json
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from scipy.stats import t as student

import edgequant
from edgequant.core.progress import AbstractProgress, Silent
from edgequant.study.study import Calibration, Study, check, load_study

KEPT = (
    "status", "reason", "n", "top1", "validation_top1", "drop", "drop_ci95", "p_value", "bytes", "size_ratio",
    "sha256", "parity", "seconds",
)  # fmt: skip


class Lines(Silent):
    """What the run says, a line at a time; no bars."""

    def say(self, text: str) -> None:
        print(text, flush=True)


def seeded(recipe: str, seed: int) -> str:
    """`w8a8+qat` -> `w8a8+qat:seed=3`; what does not train has its calibration's seed only."""
    parts = recipe.split("+")
    return "+".join(f"{p}{',' if ':' in p else ':'}seed={seed}" if p.split(":")[0] == "qat" else p for p in parts)


def study_of(base: Study, recipes: list[str], seed: int, target: str, calibration: int) -> Study:
    """The network of a study with these recipes, and no criteria: nothing is judged here."""
    network = replace(base.network[0], recipes=(), targets=())
    draw = replace(base.calibration[0], seed=seed, n=calibration or base.calibration[0].n)
    recipes = ["float32", *(seeded(recipe, seed) for recipe in recipes)]
    return check(
        replace(
            base, name=f"{base.name}-seeds", recipes=tuple(recipes), targets=(target,), network=(network,),
            calibration=(Calibration(draw.method, draw.n, draw.seed),), criteria=(),
        )
    )  # fmt: skip


def interval(values: list[float]) -> dict[str, Any]:
    """Mean and 95% interval of Student's t; no interval for a single value."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return {"values": values, "mean": mean, "ci95": None}
    half = float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return {"values": values, "mean": mean, "ci95": [mean - half, mean + half]}


def summary(recipe: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    done = [r for r in records if r["status"] == "ok" and r["top1"] is not None]
    gates = [r["parity"]["gate"] if r["parity"] else None for r in done]
    figures = {name: interval([r[name] for r in done]) for name in ("top1", "drop", "validation_top1")} if done else {}
    return {
        "recipe": recipe,
        "parity": gates,
        **figures,
        "seeds": [{k: r[k] for k in ("seed", *KEPT)} for r in records],
    }


def measured(
    study: Study, seed: int, out: Path, progress: AbstractProgress
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    found = edgequant.run(study, out, progress=progress).results
    return [{**v, "seed": seed} for v in found["variants"][1:]], found["environment"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--recipes", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--target", default="litert")
    parser.add_argument("--calibration", type=int, default=0, help="Images; default: the study's first.")
    parser.add_argument("--network", type=int, default=0, help="Which of the study's networks, counted from 0.")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    base = load_study(options.study, tuple(options.overrides))
    base = replace(base, network=(base.network[options.network],))
    records: dict[str, list[dict[str, Any]]] = {recipe: [] for recipe in options.recipes}
    environment: dict[str, Any] = {}
    for seed in options.seeds:
        study = study_of(base, options.recipes, seed, options.target, options.calibration)
        variants, environment = measured(study, seed, options.out, Lines())
        for recipe, variant in zip(options.recipes, variants, strict=True):
            records[recipe].append(variant)
        found = {
            "study": options.study, "target": options.target, "seeds": options.seeds, "environment": environment,
            "recipes": [summary(recipe, of) for recipe, of in records.items()],
        }  # fmt: skip
        if options.json:
            options.json.write_text(json.dumps(found, indent=1) + "\n")
    for recipe in found["recipes"]:
        show(recipe)


def show(recipe: dict[str, Any]) -> None:
    if "top1" not in recipe:
        print(f"{recipe['recipe']:32s} {recipe['seeds'][0]['status']}: {recipe['seeds'][0]['reason']}")
        return
    top1, drop = recipe["top1"], recipe["drop"]
    spread = "" if drop["ci95"] is None else f" (95% {drop['ci95'][0]:+.2f} to {drop['ci95'][1]:+.2f})"
    words = f"top-1 {top1['mean']:.2%}, drop {drop['mean']:+.2f} points{spread}, parity {recipe['parity']}"
    print(f"{recipe['recipe']:32s} {words}")


if __name__ == "__main__":
    main()
