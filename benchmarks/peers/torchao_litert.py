"""torchao's PT2E with litert-torch's PT2EQuantizer, converted to .tflite.

https://github.com/google-ai-edge/litert-torch/blob/main/docs/pytorch_converter/README.md
"""

from pathlib import Path

import litert_torch
import numpy as np
import torch
from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config
from litert_torch.quantize.quant_config import QuantConfig
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

PACKAGES = ("torchao", "litert-torch", "torch")


def make(folder: Path) -> Path:
    made = folder / "torchao_litert.tflite"
    x = torch.from_numpy(np.load(folder / "calibration.npz")["x"])
    quantizer = PT2EQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(torch.export.load(folder / "float.pt2").module(), quantizer)
    with torch.inference_mode():
        for one in x:
            prepared(one[None])
    quantized = convert_pt2e(prepared, fold_quantize=False)
    network = litert_torch.to_channel_last_io(quantized, args=[0])
    example = x[:1].permute(0, 2, 3, 1).contiguous()
    litert_torch.convert(network, (example,), quant_config=QuantConfig(pt2e_quantizer=quantizer)).export(str(made))
    return made
