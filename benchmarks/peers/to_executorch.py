"""ExecuTorch's own export of the float network, for XNNPACK: float.pt2 to float.pte."""

from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower

PACKAGES = ("executorch", "torch")


def make(folder: Path) -> Path:
    exported = torch.export.load(folder / "float.pt2")
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).to_executorch()
    (folder / "float.pte").write_bytes(lowered.buffer)
    return folder / "float.pte"
