"""A small network for each row of the op table, and for each way to write one: the conformance suite's data.

Every network is an image, a convolution, the operation, and a classifier. What a runtime cannot do is in `LACKS`, with
the words of its refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from edgequant.core.image import InputSpec
from litert_samples import Net, conv, flat

SPEC = InputSpec(3, 6, 8)
Body = Callable[[Any, torch.Tensor], torch.Tensor]


def on_images(body: Body, values: int, **parts: Callable[[], nn.Module]) -> Callable[[], Net]:
    """`body` between a convolution to 8 channels and a linear layer on `values` numbers; `parts` are made anew."""

    def whole(m: Any, x: torch.Tensor) -> torch.Tensor:
        return m.fc(flat(body(m, m.c(x))))  # type: ignore[no-any-return]

    def make() -> Net:
        made = {name: part() for name, part in parts.items()}
        return Net(whole, c=conv(3, 8, 3, padding=1), fc=nn.Linear(values, 5), **made)

    return make


def value_wise(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], Net]:
    return on_images(lambda m, x: function(x), 384)


def shuffled(x: torch.Tensor) -> torch.Tensor:
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def layer_norm(x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x.permute(0, 2, 3, 1), (8,), torch.linspace(0.5, 1.5, 8)).permute(0, 3, 1, 2)


def batch_norm() -> nn.BatchNorm2d:
    norm, generator = nn.BatchNorm2d(8), torch.Generator().manual_seed(1)
    for tensor in (norm.running_mean, norm.weight.data, norm.bias.data):
        tensor.normal_(0, 1, generator=generator)  # type: ignore[union-attr]
    norm.running_var.uniform_(0.5, 2, generator=generator)  # type: ignore[union-attr]
    return norm


def point() -> nn.Conv2d:
    return conv(8, 8, 1)


def slopes() -> nn.PReLU:
    made = nn.PReLU(8)
    made.weight.data = torch.linspace(-0.5, 0.9, 8)
    return made


def the_rest(m: Any, x: torch.Tensor) -> torch.Tensor:
    """The rows that have networks of their own in litert_samples.py."""
    x = torch.cat([F.relu(F.max_pool2d(x, 2)), F.relu6(F.avg_pool2d(x, 2))], 1)  # 16, 3, 4
    x = F.pad(x + torch.sigmoid(m.d(x)) * x, (0, 1, 0, 1))
    return torch.softmax(x.mean((2, 3)), 1)


NETS: dict[str, Callable[[], Net]] = {
    "channel_mean": on_images(lambda m, x: x * torch.sigmoid(x.mean(1, keepdim=True)), 384),
    "clamp": value_wise(lambda x: x.clamp(-0.5, 0.7)),
    "clamp, beyond its grid": on_images(lambda m, x: torch.cat([x.clamp(-0.5, 0.7), m.d(x)], 1), 768, d=point),
    "depth_to_space": value_wise(lambda x: F.pixel_shuffle(x.relu(), 2)),
    "elu": value_wise(F.elu),
    "gelu": value_wise(F.gelu),
    "gelu, tanh": value_wise(lambda x: F.gelu(x, approximate="tanh")),
    "hard_swish": value_wise(F.hardswish),
    "leaky_relu": value_wise(lambda x: F.leaky_relu(x, 0.1)),
    "requantize": on_images(lambda m, x: torch.cat([torch.sigmoid(x), torch.tanh(m.d(x)), x], 1), 1152, d=point),
    "requantize, softmax": on_images(lambda m, x: torch.cat([torch.softmax(x, 1), torch.tanh(x)], 1), 768),
    "requantize, the image": lambda: Net(
        lambda m, x: m.fc(flat(torch.cat([x, m.c(x)], 1))), c=conv(3, 5, 1), fc=nn.Linear(384, 5)
    ),
    "requantize, a padding": value_wise(lambda x: F.pad(torch.sigmoid(x), (0, 1, 0, 0), value=2.0)[..., 1:]),
    "rsqrt": value_wise(layer_norm),
    "shuffle": value_wise(shuffled),
    "slice": value_wise(lambda x: torch.cat([x[:, 4:], x[:, :4]], 1)),
    "slice, strided": on_images(lambda m, x: torch.cat([x[:, :, ::2, ::2], x[:, :, 1::2, 1::2]], 1), 192),
    "sub": on_images(lambda m, x: m.d(x) - x, 384, d=point),
    "tanh": value_wise(torch.tanh),
    "upsample": on_images(lambda m, x: F.interpolate(x, scale_factor=2), 1536),
    "upsample, uneven": on_images(lambda m, x: F.interpolate(x, size=(7, 13)), 728),
    "upsample, bilinear": on_images(lambda m, x: F.interpolate(x, scale_factor=2, mode="bilinear"), 1536),
    "upsample, corners": on_images(
        lambda m, x: F.interpolate(x, size=(9, 7), mode="bilinear", align_corners=True), 504
    ),
    "the rest": on_images(the_rest, 16, d=lambda: conv(16, 16, 1)),
    # other ways of writing rows
    "add, broadcast": on_images(lambda m, x: m.d(x.mean((2, 3), keepdim=True)) + x, 384, d=point),
    "affine": value_wise(lambda x: (F.relu(x) * 0.4 - 0.3) / 1.7),
    "affine on vectors": on_images(lambda m, x: 1.5 - F.relu(x.mean((2, 3))), 8),
    "batch norm alone": on_images(lambda m, x: F.relu(m.n(F.relu(x))), 384, n=batch_norm),
    "hard_sigmoid": on_images(lambda m, x: x * F.hardsigmoid(m.d(F.adaptive_avg_pool2d(x, 1))), 384, d=point),
    "hard_sigmoid, beyond its grid": on_images(lambda m, x: torch.cat([F.hardsigmoid(m.d(x)), x], 1), 768, d=point),
    "prelu": on_images(lambda m, x: m.p(x), 384, p=slopes),
    "max pool, ceil": on_images(lambda m, x: F.max_pool2d(x, 3, 2, ceil_mode=True), 96),
    "max pool, torch's padding": on_images(lambda m, x: F.max_pool2d(x, 5, 1, 1), 192),
    "max pool, global": on_images(lambda m, x: x.amax((2, 3)), 8),
    "average pool, ceil": on_images(lambda m, x: F.avg_pool2d(x, 3, 2, ceil_mode=True), 96),
    "average pool, counted": on_images(lambda m, x: F.avg_pool2d(x, 3, 2, 1), 96),
    "pad, value": on_images(lambda m, x: F.pad(x, (1, 2, 0, 1), value=0.3), 616),
    "pad, reflect": on_images(lambda m, x: F.pad(x, (1, 2, 2, 1), "reflect"), 792),
    "pad, replicate": on_images(lambda m, x: F.pad(x, (1, 2, 0, 2), "replicate"), 704),
    "transposed": on_images(
        lambda m, x: F.relu(m.n(m.t(x))), 1536, t=lambda: nn.ConvTranspose2d(8, 8, 4, 2, 1), n=batch_norm
    ),
    "transposed 3x3": on_images(lambda m, x: m.t(x), 1536, t=lambda: nn.ConvTranspose2d(8, 8, 3, 2, 1, 1)),
    "transposed, depthwise": on_images(
        lambda m, x: F.relu(m.t(x)), 1536, t=lambda: nn.ConvTranspose2d(8, 8, 2, 2, groups=8)
    ),
}


def net(name: str) -> Net:
    """With weights large enough that every activation is met on both sides."""
    torch.manual_seed(3)
    made = NETS[name]()
    for part in (made.c, made.fc):
        for parameter in part.parameters():
            parameter.data.mul_(2.5)
    return made.eval()


NO_16_BITS = r"LiteRT has no kernel for \w+ with 16-bit activations"
LACKS: dict[tuple[str, str], str] = {
    ("litert w8a16", name): NO_16_BITS for name in ("elu", "gelu", "gelu, tanh", "hard_swish", "rsqrt")
}
# Files with a row that is several operators, which nobody puts together again.
WRITE_ONLY = {
    "clamp, beyond its grid": "MAXIMUM",
    "hard_sigmoid, beyond its grid": "MINIMUM",
    "pad, replicate": "along dimension",
    "transposed, depthwise": "RESHAPE",
}
