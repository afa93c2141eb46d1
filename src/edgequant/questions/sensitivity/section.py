"""Which layers hurt when they are quantized, and what to keep wider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from ...report import format as fmt
from ...report import lookup as look
from ...report import markup as md
from ...report.section import AbstractSection, by_network, stems
from ...store.run import Run

if TYPE_CHECKING:
    import altair

HEADER = ("Layer", "Op", "Weights", "At", "Drop alone", "KL alone", "SQNR", "KL saved by sparing it", "Images", "Mark")
MODES = {
    "exact": "every layer was tried on every image",
    "screened": "successive halving: layers whose place was clear early saw fewer images, and accuracy was not judged",
    "fast": "predicted to second order from a few passes; no layer was run alone, and accuracy was not judged",
}
Record = Mapping[str, Any]


@final
@dataclass(frozen=True)
class Sensitivity(AbstractSection):
    """Empty, and so left out of the report, where the results hold no sensitivity."""

    title: ClassVar[str] = "Sensitivity of layers, simulated"

    def text(self, run: Run) -> str:
        return "\n\n".join(_words(record) for record in _records(run))

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        return by_network(_records(run), layer_rows)

    def charts(self, run: Run) -> dict[str, altair.TopLevelMixin]:
        """One for each network."""
        from ..charts import by_layer

        drawn = {}
        for stem, record in stems("sensitivity", _records(run)):
            dots = [_dot(row) for row in _sorted(record)]
            if any(dot["kl"] > 0 for dot in dots):
                about = f"simulated on {fmt.count(record.get('n'))} images. Circled: marked in the table."
                drawn[stem] = by_layer(dots, f"Sensitivity, {md.network(record)}", f"Each layer alone, {about}")
        return drawn


def _records(run: Run) -> list[Record]:
    return look.mappings(run.results.get("sensitivity"))


def _words(record: Record) -> str:
    advice = look.mapping(record.get("advice"))
    mode = md.line(record.get("mode") or "")
    return (
        f"{md.escape(md.network(record))}: each layer quantized alone, the rest in float, by fake quantization on"
        f" {fmt.count(record.get('n'))} {md.escape(record.get('split') or '')} images ({mode}:"
        f" {MODES.get(mode, 'unknown mode')}). SENSITIVE: it alone loses {fmt.points(record.get('threshold'))} or more,"
        ' by the lower end of its interval; "may be sensitive": by the figure, not by the interval.'
        f" Drops in brackets are 95% intervals, paired.\n\n**What to do.** {md.sentence(advice.get('text') or '')}"
    )


def layer_rows(record: Record, bits: int | None = None) -> list[tuple[str, ...]]:
    """The table of one network, header first: every layer alone; of one width only where `bits` says so."""
    return [HEADER, *(_row(row) for row in _sorted(record) if bits in (None, row.get("weight_bits")))]


def _sorted(record: Record) -> list[dict[str, Any]]:
    """Rows of layers alone, the most sensitive layer first by its narrowest width; what sparing it saves, with it."""
    every = [dict(row) for row in look.mappings(record.get("rows"))]
    saved = {_key(row): row.get("kl_saved") for row in every if row.get("kind") == "spared"}
    alone = [row | {"kl_saved": saved.get(_key(row))} for row in every if row.get("kind") == "alone"]
    worst: dict[Any, tuple[float, float]] = {}
    for row in sorted(alone, key=_bits, reverse=True):
        worst[row.get("layer")] = (_number(row, "drop"), _number(row, "kl"))
    return sorted(alone, key=lambda row: (*(-v for v in worst[row.get("layer")]), str(row.get("layer")), _bits(row)))


def _key(row: Record) -> tuple[Any, Any]:
    return row.get("layer"), row.get("weight_bits")


def _bits(row: Record) -> float:
    return _number(row, "weight_bits")


def _number(row: Record, key: str) -> float:
    return fmt.number(row.get(key)) or 0.0


def _scheme(row: Record) -> str:
    return f"w{fmt.count(row.get('weight_bits'))}a{fmt.count(row.get('activation_bits'))}"


def _row(row: Record) -> tuple[str, ...]:
    return (
        md.line(row.get("layer") or "unnamed"),
        md.line(row.get("op") or ""),
        fmt.count(row.get("parameters")),
        _scheme(row),
        fmt.with_interval(fmt.points(row.get("drop")), row.get("drop_ci95")),
        fmt.significant(row.get("kl")),
        fmt.decibels(row.get("sqnr_db")),
        fmt.significant(row.get("kl_saved")),
        fmt.count(row.get("images")),
        md.line(row.get("mark") or ""),
    )


def _dot(row: Record) -> dict[str, Any]:
    words = {"drop": fmt.points(row.get("drop")), "sqnr": fmt.decibels(row.get("sqnr_db"))}
    marked = bool(row.get("mark"))
    return {
        "layer": md.line(row.get("layer") or "unnamed"),
        "scheme": _scheme(row),
        "kl": _number(row, "kl"),
        "marked": marked,
    } | words
