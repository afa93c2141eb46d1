"""PyTorch's own exporter: float.pt2 to float.onnx."""

from pathlib import Path

import torch

PACKAGES = ("torch", "onnx", "onnxscript")


def make(folder: Path) -> Path:
    exported = torch.export.load(folder / "float.pt2")
    example = torch.zeros(exported.example_inputs[0][0].shape)
    torch.onnx.export(
        exported.module(), (example,), folder / "float.onnx", input_names=["image"], dynamo=True, external_data=False
    )
    return folder / "float.onnx"
