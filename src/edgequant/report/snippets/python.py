"""A few lines of Python that run a file as an app would."""

from __future__ import annotations

from ...core.preprocess import BAR
from .usage import Usage

LIMITS = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-32768, 32767)}


def python_lines(use: Usage) -> list[str]:
    """The program; it reads photo.jpg and prints the number of the likeliest class."""
    runtime = "from ai_edge_litert.interpreter import Interpreter" if use.suffix == ".tflite" else "import onnxruntime"
    imports = ["import numpy as np", runtime, "from PIL import Image"]
    return [*imports, "", *_open(use), *_photo(use), *_pixels(use), *_run(use)]


def _open(use: Usage) -> list[str]:
    if use.suffix == ".onnx":
        return [f"session = onnxruntime.InferenceSession({use.name!r})", "image = session.get_inputs()[0]"]
    return [
        f"interpreter = Interpreter({use.name!r})",
        "interpreter.allocate_tensors()",
        "image, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]",
    ]


def _photo(use: Usage) -> list[str]:
    """Scaled as the network was measured: straight, or the middle of what would be scaled to `resize`."""
    opened = f'photo = Image.open("photo.jpg").convert({use.mode!r})'
    kernel = f"Image.Resampling.{use.interpolation}"
    if use.size is not None and (use.fit == "letterbox" or (use.fit == "crop" and use.resize is None)):
        return [opened, *_fitted(use, use.size, kernel)]
    if use.resize is None or use.size is None:
        return [opened, f"photo = photo.resize({_size(use)}, {kernel})"]
    return [
        opened,
        f"w, h = (min(photo.size) * side / {use.resize} for side in {use.size})",
        "box = ((photo.width - w) / 2, (photo.height - h) / 2, (photo.width + w) / 2, (photo.height + h) / 2)",
        f"photo = photo.resize({use.size}, {kernel}, box)",
    ]


def _fitted(use: Usage, size: tuple[int, int], kernel: str) -> list[str]:
    """As `data.decode` does it: the largest box of the middle, or the whole image between bars."""
    whole = use.fit == "letterbox"
    scaled = [
        f"ratio = {'min' if whole else 'max'}(side / own for side, own in zip({size}, photo.size))",
        f"photo = photo.resize([round(own * ratio) for own in photo.size], {kernel})",
        f"left, top = (({'side - own' if whole else 'own - side'}) // 2 for side, own in zip({size}, photo.size))",
    ]
    if not whole:
        return [*scaled, f"photo = photo.crop((left, top, left + {size[0]}, top + {size[1]}))"]
    bar = BAR if use.mode == "L" else (BAR,) * 3
    bars = f"bars = Image.new({use.mode!r}, {size}, {bar})"
    return [*scaled, bars, "bars.paste(photo, (left, top))", "photo = bars"]


def _size(use: Usage) -> str:
    if use.size is not None:
        return str(use.size)
    if use.suffix == ".onnx":
        return "tuple(image.shape[:1:-1])"
    return 'tuple(map(int, image["shape"][2:0:-1]))'


def _pixels(use: Usage) -> list[str]:
    shaped = (".transpose(2, 0, 1)" if use.layout == "nchw" and use.channels > 1 else "") + f".reshape({_shape(use)})"
    turned = "[..., ::-1]" if use.order == "bgr" else ""
    if use.raw and use.type == "uint8":
        return [f"x = np.asarray(photo, np.uint8){turned}{shaped}"]
    if use.raw:
        return [f"x = (np.asarray(photo, np.int16){turned} - 128).astype(np.int8){shaped}"]
    real = f"x = (np.asarray(photo, np.float32){turned} / 255 - {literal(use.mean)}) / {literal(use.std)}"
    if use.type == "float32":
        return [real, f"x = x.astype(np.float32){shaped}"]
    scale, zero_point = use.grid
    low, high = LIMITS[use.type]
    rounded = f"np.clip(np.rint(x / {scale:.9g}) + {zero_point}, {low}, {high})"
    return [real, f"x = {rounded}.astype(np.{use.type}){shaped}"]


def _shape(use: Usage) -> str:
    if use.suffix == ".tflite":
        return 'image["shape"]'
    return "(1, *image.shape[1:])"


def _run(use: Usage) -> list[str]:
    if use.suffix == ".onnx":
        return ["scores = session.run(None, {image.name: x})[0]", "print(scores[0].argmax())"]
    return [
        'interpreter.set_tensor(image["index"], x)',
        "interpreter.invoke()",
        'print(interpreter.get_tensor(scores["index"])[0].argmax())',
    ]


def literal(values: tuple[float, ...]) -> str:
    """A number, or a list for numpy to spread over the channels."""
    shown = [f"{value:.7g}" for value in values]
    return shown[0] if len(set(shown)) == 1 else f"np.array([{', '.join(shown)}], np.float32)"
