"""The network itself, out of what PyTorch puts around it to run it faster or on several devices."""

from __future__ import annotations

import torch
from torch import nn

from ...core.errors import BadModel

INSIDE = ("_orig_mod", "module")  # of torch.compile; of DataParallel and DistributedDataParallel
AROUND = ("OptimizedModule", "DataParallel", "DistributedDataParallel")


def unwrapped(module: nn.Module) -> nn.Module:
    """`module`, or the one that it runs: the same weights and answers. Raises BadModel for TorchScript."""
    if isinstance(module, torch.jit.ScriptModule):
        raise BadModel(
            "The network is TorchScript, whose code cannot be captured. Give the nn.Module that it was scripted or"
            " traced from, or torch.export.save(torch.export.export(net, (images,)), 'net.pt2')."
        )
    if type(module).__name__ not in AROUND or not type(module).__module__.startswith("torch."):
        return module
    inner = next((one for name in INSIDE if isinstance(one := getattr(module, name, None), nn.Module)), None)
    return module if inner is None else unwrapped(inner)
