"""Which layers to keep wider, and what that is expected to give: tried on the same images, and said in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...quantization.reference import Reference
from ...search.forms import FLOAT, Forms, together
from ...study.networks.float_first import unfit
from ..layers import Subject
from .rows import UNSURE, Row, alone, worst_first

WIDE = 8  # bits of weights; what is narrow already at these is kept in float


def advise(about: Subject, narrow: Reference, found: Sequence[Row]) -> dict[str, Any]:
    """{"advice", "unfit"}: what to keep wider than in `narrow`, the reference of the narrowest width; what of that
    only may be sensitive; and what it gives. `unfit`: why the float network's answers mean nothing; the words say it.
    """
    bits = min(row["weight_bits"] for row in found)
    marked = [row for row in worst_first(alone(found, bits)) if row["mark"]]
    kept = [row["layer"] for row in marked]  # what only may be sensitive too: one too many costs bytes and no more
    activation_bits = found[0]["activation_bits"]
    quantized = together(narrow)
    wide = together(about.reference(WIDE, activation_bits)) if bits < WIDE else dict.fromkeys(quantized, FLOAT)
    spared = {step.name: wide[step.name] for step in about.captured.program.layers if step.layer in kept}
    forms: dict[str, Forms] = {"float": {}, "narrow": quantized, "mixed": {**quantized, **spared}}
    tried = {name: about.scores(one) for name, one in forms.items()}
    advice: dict[str, Any] = {
        "keep_wider": kept,
        "unsure": [row["layer"] for row in marked if row["mark"] == UNSURE],
        "wider": "at 8-bit weights" if bits < WIDE else "in float",
        "kl": {name: float(about.kl(tried["float"], tried[name]).mean()) for name in ("narrow", "mixed")},
        "recipe": narrow.recipe,
    }
    if about.labels is not None:
        advice["top1"] = {name: about.top1(scores) for name, scores in tried.items()}
        advice |= about.dropped(tried["float"], tried["mixed"])
    fault = unfit(about.network.provenance, tried["float"].numpy(), about.labels)
    text = words(advice, len(about.images))
    advice["text"] = f"{fault} Nothing is advised. For the record: {text}" if fault else text
    return {"advice": advice, "unfit": fault}


def words(advice: Mapping[str, Any], images: int) -> str:
    """The advice as a paragraph: what to keep, how sure that is, and the accuracy to expect."""
    kept, unsure, recipe = advice["keep_wider"], advice["unsure"], advice["recipe"]
    text = f"No layer stands out alone: {recipe} everywhere."
    if kept:
        layers = f"{len(kept)} layer{'s' * (len(kept) > 1)}"
        text = f"Keep {layers} {advice['wider']} and the rest at {recipe}: {', '.join(kept)}."
    if unsure:
        who = "None of them is" if len(unsure) == len(kept) else f"{len(kept) - len(unsure)} of them are"
        who = "It is not" if len(kept) == 1 else who
        text += (
            f" {who} shown to be sensitive by the 95% interval on {images} images; {', '.join(unsure)} may be: try more"
            " --images."
        )
    if "top1" not in advice:
        return f"{text} The images have no labels, so no accuracy is expected."
    top1, (low, high) = advice["top1"], advice["drop_ci95"]
    return (
        f"{text} Expected accuracy {top1['mixed']:.2%}, {advice['drop']:.2f} points below float (95%: {low:.2f} to"
        f" {high:.2f}); without keeping any, {top1['narrow']:.2%}. Simulated on {images} validation images."
    )
