"""Do raw camera bytes, fed to the deployed file, give what the float pipeline gives? On every test image.

    python benchmarks/deployed_bytes.py resnet8:weights=FILE cifar10 --calibrate 300 --out deployed-bytes.json

The float pipeline is the network as PyTorch runs it, on pixels normalised with its own mean and std. The files take
uint8: the runtime is handed the images' bytes and nothing else. Of the quantized file it also asks how often it agrees
with the same recipe made for normalised floats, preprocessed outside: what then differs is not quantization.
`--file` asks a file that was made before, of any recipe with uint8 input, and makes none.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS, DATASETS
from edgequant.core.arrays import Array
from edgequant.core.image import Deployment
from edgequant.core.preprocess import normalise
from edgequant.data.dataset import AbstractSplit
from edgequant.data.draw import calibration_subset
from edgequant.graph.capture.capture import capture
from edgequant.graph.deploy import deployed
from edgequant.graph.program import Captured
from edgequant.models.weights import load_weights
from edgequant.quantization.build import build, observed_tensors
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve
from edgequant.study.networks.network import load_data
from edgequant.study.networks.sources import build_model

BATCH = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--weights", default="")
    parser.add_argument("--calibrate", type=int, default=300)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--name", default="")
    parser.add_argument("--out", type=Path, default=Path("deployed-bytes.json"))
    asked = parser.parse_args()
    found = compare(asked.model, asked.data, asked.weights, asked.calibrate, asked.file)
    known = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    asked.out.write_text(json.dumps({**known, asked.name or asked.model: found}, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def compare(model_spec: str, data_spec: str, weights: str, count: int, made: Path | None) -> dict[str, Any]:
    """{"n", "mean", "std", "float_pipeline", and of each file its top-1 and its agreement}."""
    model = build_model(model_spec)
    inputs, splits = load_data(model, DATASETS.build(data_spec))
    module = model.build(inputs, len(splits.classes)).eval()
    if weights:
        load_weights(module, weights)
    test = splits.test
    assert test is not None and test.labels is not None
    plain = capture(module, inputs, splits.classes)
    floats = _floats(module, plain, test)
    if made:
        files = {made.name: _run(made, "uint8", plain, test)}
    else:
        files = _both(plain, calibration_subset(splits.train, count, 0), test)
    outside = files.get("w8a8, float32 input")
    return {
        "n": len(test),
        "mean": inputs.mean,
        "std": inputs.std,
        "float_pipeline": float((floats == test.labels).mean()),
        "files": {
            name: {
                "top1": float((found == test.labels).mean()),
                "agrees_with_float_pipeline": float((found == floats).mean()),
                **({"agrees_with_preprocessing_outside": float((found == outside).mean())} if "w8a8," in name else {}),
            }
            for name, found in files.items()
        },
    }


def _floats(module: torch.nn.Module, plain: Captured, test: AbstractSplit) -> Array:
    with torch.inference_mode():
        parts = [module(torch.from_numpy(normalise(x, plain.inputs))).argmax(1).numpy() for x, _ in test.batches(BATCH)]
    return np.concatenate(parts)


def _both(plain: Captured, images: AbstractSplit, test: AbstractSplit) -> dict[str, Array]:
    """Of float32 and w8a8, for bytes and for normalised floats: (N,) classes."""
    kinds = [(recipe, kind) for recipe in ("float32", "w8a8") for kind in ("uint8", "float32")]
    return {f"{r}, {k} input": _answers(deployed(plain, Deployment(k)), r, k, images, test) for r, k in kinds}


def _answers(captured: Captured, recipe: str, kind: str, images: AbstractSplit, test: AbstractSplit) -> Array:
    backend = BACKENDS.build("litert")
    plan = resolve(captured.program, parse_recipe(recipe), "litert", backend.capability)
    tensors = observed_tensors(captured, plan) if plan.tensors else ()
    ranges = collect(captured, (x for x, _ in images.batches(50)), MinMax(), tensors) if tensors else {}
    with tempfile.TemporaryDirectory() as folder:
        path = backend.lower(build(captured, plan, ranges), Path(folder) / "a.tflite").path
        return _run(path, kind, captured, test)


def _run(path: Path, kind: str, captured: Captured, test: AbstractSplit) -> Array:
    """(N,) classes. The runtime is called directly: for uint8 with the very bytes of the images."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    found = []
    for pixels, _ in test.batches(BATCH):
        fed = pixels if kind == "uint8" else normalise(pixels, captured.inputs).transpose(0, 2, 3, 1)
        for image in np.ascontiguousarray(fed):
            interpreter.set_tensor(source["index"], image[None])
            interpreter.invoke()
            found.append(interpreter.get_tensor(sink["index"])[0].argmax())
    return np.array(found)


if __name__ == "__main__":
    main()
