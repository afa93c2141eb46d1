"""torchao's PT2E with ExecuTorch's XNNPACKQuantizer, lowered to a .pte for XNNPACK.

https://docs.pytorch.org/executorch/stable/backends/xnnpack/xnnpack-quantization.html
"""

from pathlib import Path

import numpy as np
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
from executorch.exir import to_edge_transform_and_lower
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

PACKAGES = ("torchao", "executorch", "torch")


def make(folder: Path) -> Path:
    made = folder / "torchao_executorch.pte"
    x = torch.from_numpy(np.load(folder / "calibration.npz")["x"])
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(torch.export.load(folder / "float.pt2").module(), quantizer)
    with torch.inference_mode():
        for one in x:
            prepared(one[None])
    quantized = torch.export.export(convert_pt2e(prepared), (x[:1],))
    lowered = to_edge_transform_and_lower(quantized, partitioner=[XnnpackPartitioner()]).to_executorch()
    made.write_bytes(lowered.buffer)
    return made
