"""What people type for a name that they know from elsewhere, and the name it has here: one table, for messages only."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

# noun -> what to type here -> words of other tools for it: in small letters, without - _ and blanks
MEANT: dict[str, dict[str, str]] = {
    "recipe": {
        "w8a8": "int8 i8 uint8 8bit fullinteger fullint fullint8 integer static ptq quantized qint8 s8",
        "w4a8": "int4 i4 uint4 4bit",
        "w8a16": "int16 16x8 int16x8 int8x16",
        "float16": "fp16 f16 half 16bit",
        "float32": "fp32 f32 float fp none original 32bit",
        "dynamic-w8": "dynamic dynamicrange drq dynamicint8 int8dynamic",
        "w8": "weightonly weightsonly int8weights",
        "w8a8+qat": "qat",
        "w4a8+adaround": "adaround",
        "w8a8+prune": "prune",
    },
    "calibrator": {
        "entropy": "kl kld kldivergence histogram hist",
        "minmax": "max absmax range naive",
        "moving_average": "ema ma average movingaverageminmax",
        "mse": "mae l2 lp",
        "percentile:q=99.9": "pct quantile 99.9 99.99",
    },
    "target": {
        "litert": "tflite lite tensorflow tensorflowlite tf android xnnpack coral edgetpu tpu",
        "onnxruntime": "onnx ort onnxrt web",
        "tensorrt": "trt jetson nvidia gpu cuda",
        "tflm": "tflitemicro micro mcu microcontroller arduino esp32 stm32",
        "executorch": "pte pytorch torch ios",
        "simulation": "sim fake fakequant none",
    },
    "device": {
        "local": "cpu host localhost here this",
        "ssh:USER@HOST": "pi raspberry raspberrypi rpi jetson board remote",
        "adb:SERIAL": "android phone usb pixel",
    },
    "dataset": {
        "cifar10": "cifar",
        "imagefolder:PATH": "imagenet folder imagenet1k ilsvrc2012",
        "arrays:FILE.npz": "npz numpy array",
    },
    "refiner": {
        "bias_correct": "biascorrection bc",
        "equalize": "cle equalization crosslayerequalization",
        "distill": "kd distillation",
        "prune": "pruning sparsity",
        "adaround": "rounding round",
    },
}

# architectures of torchvision, whose names are close to some of ours
ZOO = (
    r"(resnet|vgg|densenet|wide_resnet|resnext)\d\d.*|mobilenet_?v3.*|efficientnet_?(b\d|v2).*|(shuffle|squeeze)net.*"
    r"|regnet.*|convnext.*|mnasnet.*|googlenet|inception.*|alexnet|vit_.*|swin.*"
)


def meant(noun: str, name: str, known: Iterable[str]) -> str:
    """What somebody who typed `name` should type: the same in other capitals, a word of other tools, a spec with its
    colon, or the nearest known name; "" for none.
    """
    names = list(known)
    plain = {_plain(one): one for one in names}
    words = {word: here for here, line in MEANT.get(noun, {}).items() for word in line.split()}
    if _plain(name) in words or _plain(name) in plain:
        return words.get(_plain(name)) or plain[_plain(name)]
    if noun == "model" and re.fullmatch(ZOO, name.lower()):
        return f"torchvision:{name.lower()}"
    head, rest = _parted(name)
    if head in names and rest:  # percentile=99.9, percentile 99.9: options stand behind a colon
        return f"{head}:{rest}"
    close = difflib.get_close_matches(name.lower(), names, n=1)
    return close[0] if close else ""


def _plain(name: str) -> str:
    return re.sub(r"[-_\s]", "", name.lower())


def _parted(name: str) -> tuple[str, str]:
    head, _, rest = re.sub(r"[=\s(]", " ", name, count=1).partition(" ")
    return head.lower(), rest.strip(" )")


def path_hint(noun: str, name: str) -> str:
    """Where the name is a file or a folder that is there: how a spec says so; "" elsewhere."""
    path = Path(name)
    try:
        folder, file = path.is_dir(), path.is_file()
    except (OSError, ValueError):
        return ""
    if noun == "dataset" and folder:
        return f"imagefolder:{name} where each class has a sub-folder, images:{name} where there are no labels"
    if noun == "dataset" and file and path.suffix == ".npz":
        return f"arrays:{name}"
    if noun == "dataset" and file:
        return (
            "a folder with one sub-folder a class, as imagefolder:PATH, or arrays:FILE.npz with images and labels;"
            f" {path.suffix or 'such'} files are not read"
        )
    if noun == "study":
        return _study_hint(path, folder)
    if noun == "model" and folder:
        return "a network, as path/to/file.py:factory or path/to/model.onnx: this is a folder"
    if noun == "model" and not file and Path(f"{name}.py").is_file():
        return f"{name}.py:FACTORY, with the function that makes the network"
    if noun == "model" and file and path.suffix in (".pt", ".pth", ".th", ".safetensors", ".ckpt"):
        return (
            f"the network first, a name or path/to/file.py:factory, and --weights {name} behind it: the file holds"
            " numbers and not the network"
        )
    if noun == "model" and file:
        return (
            f"a .onnx, .tflite, .keras, .h5 or .pt2, or path/to/file.py:factory: {path.suffix or 'such'} files are not"
            " read"
        )
    return ""


def _study_hint(path: Path, folder: bool) -> str:
    """A run's folder, or a file in it, where a study was expected; a file of another kind."""
    run = path if folder else path.parent
    if (folder or path.suffix == ".json") and (run / "study.toml").is_file():
        return f"{run / 'study.toml'} to run it again, or edgequant report {run} to see it"
    if path.is_file():
        return "a study's name or a .toml; one network is quantized by edgequant quantize MODEL --data D"
    return ""
