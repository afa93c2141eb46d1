"""A few lines of Python that run the recommended file as an app would."""

from __future__ import annotations

from ..core.records import InputSpec, Run
from . import lookup as look
from . import markup as md

_LITERT = """\
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

interpreter = Interpreter({name!r})
interpreter.allocate_tensors()
image, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
_, height, width, _ = image["shape"]
photo = Image.open("photo.jpg").convert({mode!r})
pixels = photo.resize((int(width), int(height)), Image.Resampling.BILINEAR)
x = (np.asarray(pixels, np.float32).reshape(image["shape"]) / 255 - {mean}) / {std}
scale, zero_point = image["quantization"]
if scale:  # the file takes integers
    limits = np.iinfo(image["dtype"])
    x = np.clip(np.round(x / scale + zero_point), limits.min, limits.max)
interpreter.set_tensor(image["index"], x.astype(image["dtype"]))
interpreter.invoke()
print(interpreter.get_tensor(scores["index"])[0].argmax())
"""

_ONNX = """\
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession({name!r})
image = session.get_inputs()[0]
_, channels, height, width = image.shape
pixels = Image.open("photo.jpg").convert({mode!r}).resize((width, height), Image.Resampling.BILINEAR)
x = (np.asarray(pixels, np.float32).reshape(1, height, width, channels) / 255 - {mean}) / {std}
scores = session.run(None, {{image.name: x.transpose(0, 3, 1, 2).astype(np.float32)}})[0]
print(scores[0].argmax())
"""


def snippet(run: Run, variant: look.Variant) -> str:
    """Markdown; empty where there is no file, or one of a kind that this does not know.

    The mean and the deviation are those of the record `input` of the variant or of the run. Where
    neither has one, the snippet shows edgequant's default and says so.
    """
    name = look.file_name(variant) or ""
    template = {".tflite": _LITERT, ".onnx": _ONNX}.get(name[name.rfind(".") :] if "." in name else "")
    if template is None:
        return ""
    recorded = look.mapping(variant.get("input")) or look.mapping(run.results.get("input"))
    default = InputSpec(3, 1, 1)
    mean, std = _values(recorded.get("mean")) or default.mean, _values(recorded.get("std")) or default.std
    mode = "L" if recorded.get("channels") == 1 else "RGB"
    text = template.format(name=name, mode=mode, mean=_literal(mean), std=_literal(std))
    known = "" if recorded else " The mean and the deviation were not recorded: put in those of your network."
    if recorded.get("resize"):
        known += f" That command also crops as the network was measured (shorter side {recorded['resize']}, centre);"
        known += " these lines resize straight."
    command = md.code(f"edgequant predict {name} photo.jpg")
    return f"**How to use it.** The same as {command}.{known}\n\n" + md.fence(text, "python")


def _values(value: object) -> tuple[float, ...]:
    """A tuple of numbers; empty for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, int | float) for item in value):
        return ()
    return tuple(float(item) for item in value)


def _literal(values: tuple[float, ...]) -> str:
    """A number, or a list for numpy to spread over the channels."""
    shown = [f"{value:.7g}" for value in values]
    return shown[0] if len(set(shown)) == 1 else f"np.array([{', '.join(shown)}], np.float32)"
