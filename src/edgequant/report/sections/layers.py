"""What befell each layer, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar, final

from ...store.run import Run
from .. import format as fmt
from .. import lookup as look
from .. import markup as md
from ..section import AbstractSection


@final
@dataclass(frozen=True)
class Layers(AbstractSection):
    """The table is of the recommended variant; the others are counted."""

    title: ClassVar[str] = "Layers"

    def text(self, run: Run) -> str:
        best = look.recommended(run)
        parts = []
        if best is not None:
            name, told = md.code(look.identity(best)), look.mappings(best.get("layers"))
            shown = f"The table shows {name}, layer by layer: {_tally(best)}."
            parts = [shown if told else f"No layers were recorded for the recommended {name}."]
        parts.append(_others([v for v in look.variants(run) if v is not best]))
        return "\n\n".join(part for part in parts if part) or "No layers were recorded."

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        best = look.recommended(run)
        return [] if best is None else _table(best)

    def views(self, run: Run) -> dict[str, list[tuple[str, ...]]]:
        """Every variant's layers, the recommended one's first."""
        best = look.recommended(run)
        ordered = [v for v in look.variants(run) if v is best] + [v for v in look.variants(run) if v is not best]
        return {look.identity(v): _table(v) for v in ordered if _table(v)} if best is not None and _table(best) else {}


def _table(variant: look.Variant) -> list[tuple[str, ...]]:
    layers = look.mappings(variant.get("layers"))
    header = ("Layer", "Operator", "Weights", "Activations", "Granularity", "Fate", "Reason")
    return [header, *(_row(layer) for layer in layers)] if layers else []


def _row(layer: look.Variant) -> tuple[str, ...]:
    return (
        fmt.plain(layer.get("name")),
        fmt.plain(layer.get("op")),
        _bits(layer.get("weight_bits")),
        _bits(layer.get("activation_bits")),
        fmt.plain(layer.get("granularity")),
        fmt.plain(layer.get("fate")),
        fmt.plain(layer.get("reason")),
    )


def _bits(value: object) -> str:
    bits = fmt.number(value)
    return "float" if bits is None else f"{bits:.0f} bit"


def _tally(variant: look.Variant) -> str:
    """`52 quantized, 1 float (kept by the recipe)`"""
    layers = look.mappings(variant.get("layers"))
    fates = Counter(str(layer.get("fate") or "unknown") for layer in layers)
    return ", ".join(f"{n} {md.escape(fate)}{_reasons(layers, fate)}" for fate, n in fates.most_common())


def _reasons(layers: list[look.Variant], fate: str) -> str:
    reasons = dict.fromkeys(str(la["reason"]) for la in layers if la.get("reason") and la.get("fate") == fate)
    shown = "; ".join(md.escape(reason) for reason in list(reasons)[:3])
    return f" ({shown}{'; …' if len(reasons) > 3 else ''})" if shown else ""


def _others(variants: list[look.Variant]) -> str:
    """One bullet a tally, with the variants that share it."""
    shared: dict[str, list[str]] = {}
    for variant in variants:
        if look.mappings(variant.get("layers")):
            shared.setdefault(_tally(variant), []).append(look.identity(variant))
    if not shared:
        return ""
    lines = [f"- {tally}: {md.listed(names)}" for tally, names in shared.items()]
    return "The layers of the other variants:\n\n" + "\n".join(lines)
