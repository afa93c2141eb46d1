"""A model card beside the files: README.md as the Hugging Face hub reads it, with the figures of the chosen file."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ...store.run import Run
from .. import format as fmt
from .. import headline
from .. import lookup as look
from .. import markup as md
from ..contract import contract
from ..load import busy
from ..snippets.snippet import snippet
from .markdown import table

LIBRARIES = {"litert": "litert", "tflm": "tflite", "onnxruntime": "onnx", "executorch": "executorch"}


def card(run: Run) -> str:
    """Markdown with a YAML head; empty where there is no file to describe."""
    best = look.recommended(run)
    if best is None or not look.file_name(best):
        return ""
    return "\n\n".join(block for block in (_head(best), *_body(run, best)) if block) + "\n"


def _head(best: look.Variant) -> str:
    """Metadata: https://huggingface.co/docs/hub/model-cards. JSON strings are YAML strings, whatever they hold."""
    name, data = str(best.get("model")), str(best.get("data"))
    lines = [
        "---",
        f"library_name: {LIBRARIES.get(look.runtime(best), look.runtime(best))}",
        "pipeline_tag: image-classification",
        f"tags: {json.dumps(['quantization', 'edgequant', str(best.get('recipe'))])}",
    ]
    top1 = fmt.number(best.get("top1"))
    if top1 is not None:
        lines += [
            "model-index:",
            f"- name: {json.dumps(name)}",
            "  results:",
            "  - task: {type: image-classification}",
            f"    dataset: {{name: {json.dumps(data)}, type: {json.dumps(data.partition(':')[0])}}}",
            f"    metrics: [{{type: accuracy, value: {top1:.6f}}}]",
        ]
    return "\n".join([*lines, "---"])


def _body(run: Run, best: look.Variant) -> Iterator[str]:
    model, recipe, data = (str(best.get(key)) for key in ("model", "recipe", "data"))
    refined = best.get("refine")
    steps = " + ".join([recipe, *map(str, refined)]) if isinstance(refined, list) else recipe
    yield f"# {md.escape(model)}, {md.escape(steps)}"
    made = "written" if recipe == "float32" else "quantized"
    labels = fmt.number(best.get("top1")) is not None
    on = "on the full test split unless the notes say otherwise" if labels else "on images without labels"
    yield (
        f"{md.code(look.file_name(best) or '')} is {md.escape(model)} for {md.escape(data)}, {made} by edgequant"
        f" ({md.escape(steps)}) and measured in {md.escape(look.runtime(best))} {on}."
    )
    yield from (md.escape(line) for line in contract(run))
    yield table([("Figure", "Value", "")] + [(f.label, f.value, f.note) for f in headline.figures(run)])
    yield headline.reason(run)
    yield busy(run)
    yield snippet(run, best)
    notes = run.results.get("notes")
    yield from (f"- {md.sentence(str(note))}" for note in (notes if isinstance(notes, list) else []))
    environment = look.mapping(run.results.get("environment"))
    yield f"Made by {md.code(str(environment.get('command') or 'edgequant'))}; the whole record is `results.json`."
