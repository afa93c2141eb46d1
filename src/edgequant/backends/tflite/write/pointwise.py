"""1x1 convolutions of 4-bit weights, written as FULLY_CONNECTED.

Both are one product of matrices, pixels by channels. XNNPACK has no 4-bit convolution (LiteRT 2.3), so LiteRT runs
those in its builtin kernels, three to four times slower and outside the delegate; a FULLY_CONNECTED of 4-bit weights
XNNPACK does take, and with `keep_num_dims` its input and output stay images.
"""

from __future__ import annotations

from collections.abc import Sequence

from ai_edge_litert import schema_py_generated as schema
from torch import nn

from ....graph.program import Step
from ..layout import FUSED, Op, Options
from .emitter import Emitter
from .windows import Window

SMALL = 4  # bits


def is_product(e: Emitter, step: Step, conv: nn.Conv2d, windows: Sequence[Window], integer: bool) -> bool:
    """Whether the convolution reads each pixel alone, in the integers that the kernel takes."""
    weight = e.reference.weights.get(step.layer)
    if not integer or weight is None or weight.bits != SMALL or e.reference.activations[step.name].bits > 8:
        return False
    plain = conv.kernel_size == conv.stride == (1, 1) and conv.groups == 1
    return plain and all(w.is_valid() for w in windows)


def emit_product(e: Emitter, step: Step, x: int, output: int) -> None:
    """The weights (O, I, 1, 1) as a matrix (O, I)."""
    options = schema.FullyConnectedOptionsT()
    options.keepNumDims = True
    options.fusedActivationFunction = FUSED[step.activation]
    weight, bias = e.weight(step, lambda w: w.flatten(1), 0), e.bias(step, True)
    e.op(Op.FULLY_CONNECTED, step, (x, weight, bias), output, True, Options.FullyConnectedOptions, options)
