"""What a file lost on the validation images, and whether the interval shows it: one wording for every place.

Read from a variant's keys "validation" (with labels) and "agreement" and "fidelity" (always). A promise, "at most
1 point", is made where the upper end of the 95% interval keeps it; else the word is "may".
"""

from __future__ import annotations

from dataclasses import dataclass

from . import format as fmt
from . import lookup as look

NEAR = 1e-9  # points: 0.9 - 0.5 is not 0.4 in binary
SHOWN, MAY, OVER = "shown", "may", "over"


@dataclass(frozen=True)
class Loss:
    """Points lost against float32 on `n` images; where `changed`, the share of its answers that changed, in percent.

    `high` is the upper end of the 95% interval; None where a record has none, as those of earlier versions.
    """

    points: float
    low: float | None
    high: float | None
    n: int | None
    changed: bool = False

    def within(self, limit: float) -> bool:
        """By the figure itself, which is what a choice goes by."""
        return self.points <= limit + NEAR

    def verdict(self, limit: float) -> str:
        """SHOWN: the upper end is within the limit. MAY: the figure is, the upper end is not. OVER: neither."""
        if not self.within(limit):
            return OVER
        return SHOWN if self.high is not None and self.high <= limit + NEAR else MAY

    def figure(self) -> str:
        """`lost 0.30 points on 5,000 validation images (95% interval −0.10 to 0.70)`"""
        where = "the validation images" if self.n is None else f"{self.n:,} validation image{'s' * (self.n != 1)}"
        spread = fmt.interval([self.low, self.high])
        spread = f" (95% interval {spread}{'%' * self.changed})" if spread else " (no interval was recorded)"
        if self.changed:
            return f"changed {fmt.signed(self.points, 2)}% of float32's answers on {where}{spread}"
        if self.points >= 0:
            return f"lost {fmt.signed(self.points, 2)} points on {where}{spread}"
        return (
            f"won {fmt.signed(-self.points, 2)} points on {where}{spread.replace('interval', 'interval of the loss')}"
        )

    def sentence(self, limit: float) -> str:
        """What the file did, and what that shows; without a full stop."""
        allowed = f"{self.unit(limit)} allowed"
        word = "change" if self.changed else "lose"
        unsure = self.low is not None and self.low <= limit + NEAR
        shown = {
            SHOWN: f", so it {word}s at most the {allowed}",
            MAY: f", so it may {word} more than the {allowed}",
            OVER: f", more than the {allowed}" + ", which so few images do not settle" * unsure,
        }
        return self.figure() + shown[self.verdict(limit)]

    def unit(self, limit: float) -> str:
        """`1 point`, or without labels `1%` of the answers."""
        return f"{limit:g}%" if self.changed else points(limit)


def points(limit: float) -> str:
    """`1 point`, `0.5 points`"""
    return f"{limit:g} point{'s' * (limit != 1)}"


def loss(variant: look.Variant, base: look.Variant | None) -> Loss | None:
    """From the labels of the validation images, or without them from the answers that changed; None: not measured."""
    paired = look.mapping(variant.get("validation"))
    drop, n = fmt.number(paired.get("drop")), fmt.number(paired.get("n"))
    if drop is not None:
        low, high = fmt.ends(paired.get("drop_ci95"))
        return Loss(drop, low, high, None if n is None else int(n))
    ours, theirs = (fmt.number((v or {}).get("validation_top1")) for v in (variant, base))
    if ours is not None and theirs is not None:
        return Loss(100 * (theirs - ours), None, None, None)
    return None if ours is not None or theirs is not None else changed(variant)


def changed(variant: look.Variant) -> Loss | None:
    """The share of float32's answers that changed, which a drop in accuracy cannot pass whatever the labels are."""
    found = look.mapping(variant.get("agreement"))
    value, n = fmt.number(found.get("value")), fmt.number(found.get("n"))
    if value is None or not n:
        return None
    low, high = fmt.ends(found.get("ci95"))
    most, least = (None if end is None else 100 * (1 - end) for end in (low, high))
    return Loss(100 * (1 - value), least, most, int(n), changed=True)


def noise(variant: look.Variant) -> str:
    """`its output is 31.2 dB above the quantization noise`, output by output; empty where nothing was measured."""
    told = look.mapping(variant.get("fidelity"))
    return "; ".join(
        text for name, found in told.items() if (text := _noise(str(name), look.mapping(found), len(told)))
    )


def _noise(name: str, found: look.Variant, outputs: int) -> str:
    who = "its output" if outputs == 1 else f"its output {name}"
    level, most = fmt.number(found.get("sqnr_db")), fmt.number(found.get("max_abs"))
    if level is not None:
        return f"SQNR of {who} {level:.1f} dB"
    return f"{who} is equal to float32's" if most == 0 else ""
