"""litert-torch's converter: float.pt2 to float.tflite, channels last as LiteRT's kernels want them."""

from pathlib import Path

import litert_torch
import torch

PACKAGES = ("torch", "litert-torch")


def make(folder: Path) -> Path:
    exported = torch.export.load(folder / "float.pt2")
    network = litert_torch.to_channel_last_io(exported.module(), args=[0])
    n, c, h, w = exported.example_inputs[0][0].shape
    litert_torch.convert(network, (torch.zeros(n, h, w, c),)).export(str(folder / "float.tflite"))
    return folder / "float.tflite"
