"""The playbook, docs/troubleshooting.md, from the findings' own words."""

from __future__ import annotations

from collections.abc import Mapping

from .finding import AbstractFinding

HEAD = """# Troubleshooting a quantized file

`edgequant doctor` takes the float network, the quantized file (of this tool or of anyone) and images, and looks for
everything in the table below. What it finds it names with the root cause first, and says what to type.

```
edgequant doctor MODEL|STUDY|FLOAT FILE --data DATA [--calibration SET | --samples N]
```

Exit status: 0 healthy, 1 findings, 2 a mistake in what was typed. The record is kept as `runs/doctor/doctor.json`.

- It looks at images of the validation split, never at test images.
- `--calibration` is a data set, or a `.npz` or `.npy` of the arrays that were fed in. `--samples N` stands for the draw
  that `edgequant quantize --samples N` makes. Without either, calibration images are not judged; what they did to the
  file is.
- Tensors and layers are judged for `.tflite` files that edgequant can read, and for `.onnx` files of its own.
- Statistical tests take a level of 1e-4 for the whole of a check, so that a healthy file is left in peace.
- Where a finding lists several commands, they are in the order in which they are worth trying: better calibration
  images, another range method, mixed precision, training with quantization.

The order of the table is the order of root causes: what stands first can cause what stands later.
"""
COLUMNS = ("Finding", "Symptom", "Figure", "Cause, and why it matters", "What to type")


def playbook(findings: Mapping[str, type[AbstractFinding]]) -> str:
    """Markdown: the head, and a row for each finding."""
    rows = [COLUMNS, tuple("---" for _ in COLUMNS)]
    rows += [(f"`{name}`", f.symptom, f.figure, f.why, f"`{f.fix}`") for name, f in findings.items()]
    return HEAD + "\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
