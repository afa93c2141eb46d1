"""What of each ONNX operator is read: its attributes and its optional inputs, by version.

Every attribute of every version since opset 7 is "read", "without effect" here, or "refused": then a value other
than its default stops the reader. `OnnxNode` takes defaults from this table and refuses by it; a test holds it against
`onnx.defs`, so that an attribute which a later ONNX adds cannot go unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, final

Fate = Literal["read", "without effect", "refused"]

OLDEST, NEWEST = 7, 28  # opsets of the ONNX standard; runtimes promise nothing below 7


@final
@dataclass(frozen=True)
class Entry:
    """An attribute, or an optional input, of the versions `since` to `until` of its operator.

    `default` is what leaving it out means; None where the standard has no default.
    """

    fate: Fate
    default: Any = None
    since: int = 1
    until: int = NEWEST


@final
@dataclass(frozen=True)
class Operator:
    """`versions` are the opsets that define it anew. An optional result is not computed; who reads it is refused."""

    versions: tuple[int, ...]
    attributes: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    inputs: Mapping[str, Entry] = field(default_factory=dict)
    results: tuple[str, ...] = ()
    deprecated: int | None = None  # the version that takes it out of the standard

    def version(self, opset: int) -> int | None:
        """The one in force at an opset; None where there is none."""
        found = max((v for v in self.versions if v <= opset), default=None)
        return None if found is not None and found == self.deprecated else found

    def entries(self, version: int) -> dict[str, Entry]:
        """The attributes of a version, by name."""
        every = ((name, e) for name, spans in self.attributes.items() for e in spans)
        return {name: e for name, e in every if e.since <= version <= e.until}


def read(default: Any = None, since: int = 1, until: int = NEWEST) -> Entry:
    return Entry("read", default, since, until)


def idle(default: Any = None, since: int = 1, until: int = NEWEST) -> Entry:
    return Entry("without effect", default, since, until)


def refused(default: Any = None, since: int = 1, until: int = NEWEST) -> Entry:
    return Entry("refused", default, since, until)


def op(
    *versions: int,
    inputs: Mapping[str, Entry] | None = None,
    results: tuple[str, ...] = (),
    deprecated: int | None = None,
    **attributes: Entry | tuple[Entry, ...],
) -> Operator:
    spans = {name: e if isinstance(e, tuple) else (e,) for name, e in attributes.items()}
    return Operator(versions, spans, inputs or {}, results, deprecated)


_WINDOW: Any = {"auto_pad": read("NOTSET"), "kernel_shape": read(), "pads": read(), "strides": read()}
_EVERY = (13, 14, 16, 19, 21, 23, 24, 25)  # the versions of operators that take tensors of any type

TABLE: dict[str, Operator] = {
    "Add": op(7, 13, 14),
    "AveragePool": op(
        *(7, 10, 11, 19, 22),
        **_WINDOW,
        ceil_mode=read(0, since=10),
        count_include_pad=read(0),
        dilations=read(since=19),
    ),
    "BatchNormalization": op(
        *(7, 9, 14, 15),
        epsilon=read(1e-5),
        momentum=idle(0.9),  # of training
        spatial=refused(1, until=7),
        training_mode=refused(0, since=14),
        results=("mean", "var", "saved_mean", "saved_var", "running_mean", "running_var"),
    ),
    "Cast": op(
        *(6, 9, 13, 19, 21, 23, 24, 25, 28),
        to=read(),
        saturate=idle(1, since=19),  # of casts to float8
        round_mode=idle("up", since=24),  # the same
    ),
    "Clip": op(
        *(6, 11, 12, 13),
        min=read(-3.4028234663852886e38, until=6),
        max=read(3.4028234663852886e38, until=6),
        inputs={"min": read(since=11), "max": read(since=11)},
    ),
    "Concat": op(4, 11, 13, axis=read()),
    "Constant": op(
        *(1, 9, 11, 12, 13, 19, 21, 23, 24, 25),
        value=read(),
        value_float=read(since=12),
        value_floats=read(since=12),
        value_int=read(since=12),
        value_ints=read(since=12),
        sparse_value=refused(since=11),
        value_string=refused(since=12),
        value_strings=refused(since=12),
    ),
    "Conv": op(1, 11, 22, **_WINDOW, dilations=read(), group=read(1), inputs={"B": read()}),
    "ConvTranspose": op(
        *(1, 11, 22),
        **_WINDOW,
        dilations=read(),
        group=read(1),
        output_padding=read(),
        output_shape=refused(),
        inputs={"B": read()},
    ),
    "Div": op(7, 13, 14),
    "Dropout": op(
        *(7, 10, 12, 13, 22),
        ratio=idle(0.5, until=10),  # of training
        seed=idle(since=12),
        inputs={"ratio": idle(since=12), "training_mode": read(since=12)},
        results=("mask",),
    ),
    "Elu": op(6, 22, alpha=read(1.0)),
    "Flatten": op(1, 9, 11, 13, 21, 23, 24, 25, axis=read(1)),
    "Gather": op(1, 11, 13, axis=read(0)),
    "Gelu": op(20, approximate=read("none")),
    "Gemm": op(
        *(7, 9, 11, 13),
        alpha=read(1.0),
        beta=read(1.0),
        transA=refused(0),
        transB=read(0),
        inputs={"C": read(since=11)},
    ),
    "GlobalAveragePool": op(1, 22),
    "GlobalMaxPool": op(1, 22),
    "HardSigmoid": op(6, 22, alpha=read(0.2), beta=read(0.5)),
    "HardSwish": op(14, 22),
    "Identity": op(1, *_EVERY),
    "LayerNormalization": op(
        17,
        axis=read(-1),
        epsilon=read(1e-5),
        stash_type=refused(1),
        inputs={"B": read()},
        results=("Mean", "InvStdDev"),
    ),
    "LeakyRelu": op(6, 16, alpha=read(0.01)),
    "MatMul": op(1, 9, 13),
    "MaxPool": op(
        *(1, 8, 10, 11, 12, 22),
        **_WINDOW,
        ceil_mode=read(0, since=10),
        dilations=read(since=10),
        storage_order=idle(0, since=8),  # of the indices
        results=("Indices",),
    ),
    "Mul": op(7, 13, 14),
    "PRelu": op(7, 9, 16),
    "Pad": op(
        *(2, 11, 13, 18, 19, 21, 23, 24, 25),
        mode=read("constant"),
        pads=read(until=2),
        value=read(0.0, until=2),
        inputs={"constant_value": read(since=11), "axes": read(since=18)},
    ),
    "ReduceMean": op(
        *(1, 11, 13, 18),
        axes=read(until=13),
        keepdims=read(1),
        noop_with_empty_axes=read(0, since=18),
        inputs={"axes": read(since=18)},
    ),
    "Relu": op(6, 13, 14),
    "Reshape": op(5, 13, 14, 19, 21, 23, 24, 25, allowzero=read(0, since=14)),
    "Resize": op(
        *(10, 11, 13, 18, 19),
        antialias=read(0, since=18),
        axes=read(since=18),
        coordinate_transformation_mode=read("half_pixel", since=11),
        cubic_coeff_a=idle(-0.75, since=11),  # of mode cubic, which is refused
        exclude_outside=idle(0, since=11),  # the same
        extrapolation_value=idle(0.0, since=11),  # of tf_crop_and_resize, which is refused
        keep_aspect_ratio_policy=refused("stretch", since=18),
        mode=read("nearest"),
        nearest_mode=read("round_prefer_floor", since=11),
        inputs={"roi": idle(since=13), "scales": read(since=13), "sizes": read(since=11)},
    ),
    "Shape": op(1, 13, 15, 19, 21, 23, 24, 25, start=read(0, since=15), end=read(since=15)),
    "Sigmoid": op(6, 13),
    "Slice": op(
        *(1, 10, 11, 13),
        axes=read(until=1),
        starts=read(until=1),
        ends=read(until=1),
        inputs={"axes": read(since=10), "steps": read(since=10)},
    ),
    "Softmax": op(1, 11, 13, axis=(read(1, until=11), read(-1, since=13))),
    "Split": op(
        *(2, 11, 13, 18),
        axis=read(0),
        num_outputs=read(since=18),
        split=read(until=11),
        inputs={"split": read(since=13)},
    ),
    "Squeeze": op(1, 11, 13, 21, 23, 24, 25, axes=read(until=11), inputs={"axes": read(since=13)}),
    "Sub": op(7, 13, 14),
    "Sum": op(6, 8, 13),
    "Tanh": op(6, 13),
    "Transpose": op(1, 13, 21, 23, 24, 25, perm=read()),
    "Unsqueeze": op(1, 11, 13, 21, 23, 24, 25, axes=read(until=11)),
    "Upsample": op(7, 9, 10, mode=read("nearest"), scales=read(until=7), deprecated=10),
}
