"""The file, in its runtime, against what the simulation promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ...store.run import Run
from .. import format as fmt
from .. import lookup as look
from .. import markup as md
from ..section import AbstractSection

GATES = {"passed": "✓ passed", "failed": "✗ failed"}
MODES = {
    "integer": "*integer*: every output integer against the bit-exact integer executor; one lsb is one output step",
    "float": "*float*: outputs against PyTorch, the largest difference",
    "dynamic": "*dynamic*: the share of images on which the runtime and PyTorch choose the same class",
}


@final
@dataclass(frozen=True)
class Parity(AbstractSection):
    title: ClassVar[str] = "Parity: the file against the simulation"

    def text(self, run: Run) -> str:
        checked = _checked(run)
        if not checked:
            return "No file was checked against the simulation."
        failed = [look.identity(v) for v in checked if look.mapping(v["parity"]).get("gate") == "failed"]
        passed = sum(look.mapping(v["parity"]).get("gate") == "passed" for v in checked)
        verdict = f"{passed} of {len(checked)} files passed their gate, each as it ships."
        verdict += f" **Failed: {md.listed(failed)}.**" if failed else ""
        others = [look.identity(v) for v in look.measured(run) if v.get("file") and not look.mapping(v.get("parity"))]
        unchecked = f"Not checked: {md.listed(others)}." if others else ""
        used = dict.fromkeys(str(look.mapping(v["parity"]).get("mode")) for v in checked)
        modes = "\n".join(f"- {MODES[mode]}." for mode in used if mode in MODES)
        return "\n\n".join(part for part in (verdict, unchecked, modes) if part)

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        checked = _checked(run)
        header = ("Variant", "Mode", "Top-1 agreement", "Equal outputs", "Largest lsb", "Largest difference", "Gate")
        return [header, *(_row(run, v) for v in checked)] if checked else []


def _checked(run: Run) -> list[look.Variant]:
    return [v for v in look.variants(run) if look.mapping(v.get("parity"))]


def _row(run: Run, variant: look.Variant) -> tuple[str, ...]:
    parity = look.mapping(variant.get("parity"))
    difference, gate = fmt.number(parity.get("max_abs")), str(parity.get("gate") or "not run")
    return (
        look.starred(run, variant),
        fmt.plain(parity.get("mode")),
        fmt.percent(parity.get("top1_agreement")),
        fmt.percent(parity.get("exact_fraction")),
        fmt.count(parity.get("max_lsb")),
        fmt.ABSENT if difference is None else f"{difference:.2g}",
        GATES.get(gate, gate),
    )
