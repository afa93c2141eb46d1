"""Every tool of the comparison: its script, its environment, and the runtime its file is for. A table, no code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tool:
    """`script` as runner.py takes it. `after` is the converter whose float file it starts from; empty: float.pt2."""

    label: str
    script: str
    environment: str
    runtime: str
    after: str = ""

    @property
    def key(self) -> str:
        return self.script.replace(":", "-")


OURS = "edgequant"  # the environment that this driver itself runs in
TOOLS = (
    Tool("float32 (litert-torch)", "to_tflite", "litert", "litert"),
    Tool("litert-quantizer static_wi8_ai8", "litert_quantizer_static", "litert", "litert", "to_tflite"),
    Tool("torchao PT2E, litert-torch", "torchao_litert", "litert", "litert"),
    Tool("TensorFlow converter int8", "tensorflow_converter", "tensorflow", "litert"),
    Tool("edgequant w8a8", "edgequant_w8a8:litert", OURS, "litert"),
    Tool("float32 (torch.onnx.export)", "to_onnx", "litert", "onnxruntime"),
    Tool("ONNX Runtime quantize_static", "onnxruntime_static", "onnxruntime", "onnxruntime", "to_onnx"),
    Tool("NNCF PTQ", "nncf_ptq", "nncf", "onnxruntime", "to_onnx"),
    Tool("edgequant w8a8", "edgequant_w8a8:onnxruntime", OURS, "onnxruntime"),
    Tool("float32 (ExecuTorch)", "to_executorch", "executorch", "executorch"),
    Tool("torchao PT2E, ExecuTorch", "torchao_executorch", "executorch", "executorch"),
    Tool("edgequant w8a8", "edgequant_w8a8:executorch", OURS, "executorch"),
)
ENVIRONMENTS = tuple(dict.fromkeys(tool.environment for tool in TOOLS if tool.environment != OURS))
BASELINES = {"litert": "to_tflite", "onnxruntime": "to_onnx", "executorch": "to_executorch"}
