"""ATen nodes as rows of the op table: which function reads which operation.

What a row cannot say is refused, with the layer's name: a wrong guess would be a wrong file.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import fx

from . import elementwise, moves, pools
from . import layers as parse_layers
from .builder import Builder

Parser = Callable[[Builder, fx.Node], None]

TRANSPARENT = (*("alias", "clone", "contiguous", "detach", "detach_", "lift_fresh_copy"),)
DROPOUTS = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
RESHAPES = ("flatten", "view", "reshape", "squeeze", "unsqueeze", "unflatten", "_unsafe_view")
CLAMPS = ("relu", "relu6", "hardtanh", "clamp", "clamp_min")
PARSERS: dict[str, Parser] = {
    "adaptive_avg_pool2d": pools.adaptive_avg_pool2d,
    "adaptive_max_pool2d": pools.adaptive_max_pool2d,
    "amax": pools.amax,
    "avg_pool2d": pools.avg_pool2d,
    "batch_norm": parse_layers.batch_norm,
    "cat": moves.cat,
    "channel_shuffle": moves.channel_shuffle,
    "native_channel_shuffle": moves.channel_shuffle,
    "chunk": moves.split,
    "concat": moves.cat,
    "concatenate": moves.cat,
    "constant_pad_nd": moves.pad,
    "conv2d": parse_layers.conv2d,
    "conv_transpose2d": parse_layers.conv_transpose2d,
    "gelu": elementwise.gelu,
    "getitem": moves.getitem,
    "layer_norm": parse_layers.layer_norm,
    "linear": parse_layers.linear,
    "max_pool2d": pools.max_pool2d,
    "mean": pools.mean,
    "multiply": elementwise.binary("mul"),
    "narrow": moves.slice_,
    "pad": moves.pad,
    "neg": elementwise.neg,
    "permute": moves.permute,
    "pixel_shuffle": moves.pixel_shuffle,
    "pow": elementwise.power,
    "prelu": elementwise.prelu,
    "reflection_pad2d": moves.pad,
    "replication_pad2d": moves.pad,
    "rsub": elementwise.rsub,
    "sigmoid": elementwise.unary("sigmoid"),
    "slice": moves.slice_,
    "softmax": elementwise.softmax,
    "split": moves.split,
    "square": elementwise.power,
    "split_with_sizes": moves.split,
    "tanh": elementwise.unary("tanh"),
    "to": moves.transparent,
    "transpose": moves.permute,
    "upsample_bilinear2d": moves.upsample,
    "upsample_nearest2d": moves.upsample,
    **dict.fromkeys(TRANSPARENT, moves.transparent),
    **{name + end: moves.dropout for name in DROPOUTS for end in ("", "_")},
    **dict.fromkeys(RESHAPES, moves.reshape),
    **{name + end: elementwise.clamp for name in CLAMPS for end in ("", "_")},
    **{kind + end: elementwise.binary(kind) for kind in ("add", "div", "mul", "sub") for end in ("", "_")},
    **{"elu" + end: elementwise.elu for end in ("", "_")},
    **{"hardsigmoid" + end: elementwise.hard_sigmoid for end in ("", "_")},
    **{"hardswish" + end: elementwise.unary("hard_swish") for end in ("", "_")},
    **{"leaky_relu" + end: elementwise.leaky_relu for end in ("", "_")},
    **{"silu" + end: elementwise.silu for end in ("", "_")},
}
