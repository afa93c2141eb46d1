"""ONNX operators whose details count, read as ONNX Runtime runs them, and captured so."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper
from torch import nn

from edgequant.core.arrays import only
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.models.sources.onnx.network import OnnxNetwork
from onnx_graphs import array, graph, node, pool, same, stored

EXACT: dict[str, Any] = {  # what was read as something else once, each against ONNX Runtime
    "max-pool-same-1": pool("MaxPool", kernel_shape=[2, 2], auto_pad="SAME_UPPER"),
    "max-pool-behind": pool("MaxPool", kernel_shape=[2, 2], pads=[0, 0, 1, 1]),
    "max-pool-before": pool("MaxPool", kernel_shape=[3, 3], pads=[2, 2, 0, 0], strides=[2, 2]),
    "max-pool-lower": pool("MaxPool", kernel_shape=[2, 3], auto_pad="SAME_LOWER"),
    "max-pool-dilated": pool("MaxPool", kernel_shape=[2, 2], dilations=[2, 2], pads=[0, 1, 1, 0]),
    "max-pool-ceil": pool("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    "average-same": pool("AveragePool", kernel_shape=[2, 2], auto_pad="SAME_UPPER"),
    "average-same-counted": pool("AveragePool", kernel_shape=[2, 2], auto_pad="SAME_UPPER", count_include_pad=1),
    "average-ceil-counted": pool(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 1], ceil_mode=1, count_include_pad=1
    ),
    "softmax-of-old": lambda: graph([node("Softmax", "x")], opset=11),
    "softmax-of-old-behind": lambda: graph([node("Softmax", "x", axis=2)], opset=9),
    "softmax-of-new": lambda: graph([node("Softmax", "x")], opset=13),
    "prelu-of-columns": stored("PRelu", array(8)),
    "prelu-of-pixels": stored("PRelu", array(3, 9, 8)),
    "prelu-of-one": stored("PRelu", array(1)),
    "hard-sigmoid-default": lambda: graph([node("HardSigmoid", "x")]),
    "hard-sigmoid-rounded": lambda: graph([node("HardSigmoid", "x", alpha=0.1667)]),
    "elu": lambda: graph([node("Elu", "x", alpha=0.3)]),
    "constant-first": lambda: graph([node("Div", "c", "x")], c=array(1, 3, 1, 1)),
    "constant-of-more-dimensions": stored("Mul", array(1, 1, 1, 1, 1)),
    "sum-of-one": lambda: graph([node("Sum", "x")]),
    "sum-of-three": lambda: graph([node("Sum", "x", "c", "x")], c=array(3, 1, 1)),
    "clip-above": lambda: graph([node("Clip", "x", "", "c")], c=np.float32(0.5)),
    "clip-of-nothing": lambda: graph([node("Clip", "x")]),
    "pad-edge": stored("Pad", np.array([0, 0, 1, 2, 0, 0, 0, 1]), mode="edge"),
    "pad-wrap": stored("Pad", np.array([0, 0, 1, 2, 0, 0, 0, 1]), 19, mode="wrap"),
    "pad-channels": stored("Pad", np.array([0, 1, 0, 0, 0, 0, 0, 0])),
    "pad-crops": stored("Pad", np.array([0, 0, -1, 0, 0, 0, 0, 2])),
    "pad-axes": lambda: graph(
        [node("Pad", "x", "p", "", "a")], opset=18, p=np.array([1, 0, 2, 1]), a=np.array([-1, 2])
    ),
    "pad-of-old": lambda: graph([node("Pad", "x", pads=[0, 0, 1, 0, 0, 0, 0, 1], value=0.5)], opset=10),
    "mean-of-everything": lambda: graph([node("ReduceMean", "x")]),
    "mean-of-nothing": lambda: graph([node("ReduceMean", "x", noop_with_empty_axes=1)], opset=18),
    "mean-of-channels": lambda: graph([node("ReduceMean", "x", axes=[-3])]),
    "flatten-2": lambda: graph([node("Flatten", "x", axis=2)]),
    "flatten-behind": lambda: graph([node("Flatten", "x", axis=-1)]),
    "transpose-without-perm": lambda: graph([node("Transpose", "x")]),
    "slice-beyond": lambda: graph(
        [node("Slice", "x", "s", "e", "a", "t")],
        s=np.array([-100, 1]),
        e=np.array([2**63 - 1, -1]),
        a=np.array([-1, 2]),
        t=np.array([3, 2]),
    ),
    "slice-of-old": lambda: graph([node("Slice", "x", starts=[1], ends=[2**31 - 1], axes=[2])], opset=9),
    "split-uneven": lambda: graph(
        [node("Split", "x", axis=3, num_outputs=3, out="a b c"), node("Concat", "c", "a", axis=-1)], opset=18
    ),
    "split-of-old": lambda: graph(
        [node("Split", "x", axis=1, split=[1, 2], out="a b"), node("Mul", "a", "b")], opset=11
    ),
    "gather-one": stored("Gather", np.array(-1), axis=1),
    "gather-many": stored("Gather", np.array([[2, 0], [1, 1]]), axis=1),
    "concat-constant": lambda: graph([node("Concat", "x", "c", axis=1)], batch=1, c=array(1, 1, 9, 8)),
    "layer-norm-of-images": lambda: graph(
        [node("LayerNormalization", "x", "g", "b", axis=1, epsilon=0.1)], g=array(3, 9, 8), b=array(3, 9, 8)
    ),
    "gemm-without-bias": lambda: graph([node("Flatten", "x", out="f"), node("Gemm", "f", "w")], w=array(216, 5)),
    "gemm-one-bias": lambda: graph(
        [node("Flatten", "x", out="f"), node("Gemm", "f", "w", "b", beta=0.5)], w=array(216, 5), b=array(1)
    ),
    "dropout-of-old": lambda: graph([node("Dropout", "x", ratio=0.9)], opset=7),
    "dropout-off": lambda: graph([node("Dropout", "x", "r", "t")], r=np.float32(0.9), t=np.bool_(False)),
    "transposed-uneven": lambda: graph(
        [node("ConvTranspose", "x", "w", strides=[2, 2], pads=[0, 1, 1, 0], output_padding=[1, 0])],
        w=array(3, 2, 3, 3),
    ),
    "cast": lambda: graph([node("Cast", "x", to=1)]),
    "constants": lambda: graph(
        [
            node("Constant", out="a", value_float=0.5),
            node("Constant", out="b", value_floats=[1.0, 2.0, 3.0]),
            node("Constant", out="i", value_ints=[3, 1, 1]),
            node("Reshape", "b", "i", out="c"),
            node("Div", "c", "a", out="d"),
            node("Mul", "x", "d"),
        ]
    ),
    "integers": lambda: graph(  # whole numbers are cut towards zero: -7 / 2 is -3
        [
            node("Div", "m", "t", out="q"),
            node("Cast", "q", to=1, out="f"),
            node("Mul", "x", "f"),
        ],
        m=np.array([-7]),
        t=np.array([2]),
    ),
    "upsample-of-old": lambda: graph([node("Upsample", "x", scales=[1.0, 1.0, 2.0, 3.0])], opset=8),
    "upsample-9": stored("Upsample", np.array([1, 1, 2, 2], np.float32), 9),
    "resize-10": stored("Resize", np.array([1, 1, 3, 2], np.float32), 10),
    "resize-corners": lambda: graph(
        [node("Resize", "x", "", "", "s", mode="linear", coordinate_transformation_mode="align_corners")],
        opset=13,
        batch=2,
        s=np.array([2, 3, 17, 5]),
    ),
    "resize-nearest-default": lambda: graph([node("Resize", "x", "", "s")], s=np.array([1, 1, 2, 2], np.float32)),
    "resize-axes": lambda: graph(
        [node("Resize", "x", "", "s", mode="linear", axes=[3, 2], antialias=1)],
        opset=18,
        s=np.array([2, 3], np.float32),
    ),
    "resize-by-computed-size": lambda: graph(  # F.interpolate(x, scale_factor=2) of an older exporter
        [
            node("Shape", "x", out="s"),
            node("Slice", "s", "two", "four", out="hw"),
            node("Cast", "hw", to=1, out="f"),
            node("Mul", "f", "factor", out="g"),
            node("Cast", "g", to=7, out="big"),
            node("Slice", "s", "nought", "two", out="nc"),
            node("Concat", "nc", "big", axis=0, out="size"),
            node("Resize", "x", "", "", "size", mode="linear", coordinate_transformation_mode="half_pixel"),
        ],
        two=np.array([2]),
        four=np.array([4]),
        nought=np.array([0]),
        factor=np.float32(2),
    ),
    "images-doubled": lambda: graph(  # sizes that follow the number of images, in whole numbers
        [
            node("Shape", "x", out="s"),
            node("Gather", "s", "i", out="n"),
            node("Mul", "n", "two", out="m"),
            node("Add", "m", "two", out="o"),
            node("Sub", "o", "two", out="p"),
            node("Div", "p", "two", out="q"),
            node("Identity", "q", out="r"),
            node("Squeeze", "r", out="t"),
            node("Unsqueeze", "t", "i", out="u"),
            node("Reshape", "u", "one", out="v"),
            node("Concat", "v", "rest", axis=0, out="shape"),
            node("Reshape", "x", "shape"),
        ],
        i=np.array([0]),
        two=np.array([2]),
        one=np.array([1]),
        rest=np.array([-1]),
    ),
    "inputs-are-initializers": lambda: listed(graph([node("Conv", "x", "w")], opset=8, w=array(4, 3, 3, 3))),
}


def listed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Initializers as inputs too, as files before IR 4 have them; the image last."""
    image = model.graph.input.pop()
    for t in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(t.name, t.data_type, t.dims))
    model.graph.input.append(image)
    return model


@pytest.mark.parametrize("name", sorted(EXACT))
def test_an_operator_is_read_exactly(name: str) -> None:
    model = EXACT[name]()
    same(model, model.graph.input[-1].type.tensor_type.shape.dim[0].dim_value or 2)


CAPTURED = (
    "images-doubled max-pool-same-1 max-pool-behind max-pool-before average-same-counted resize-corners"
    " resize-by-computed-size hard-sigmoid-default transposed-uneven slice-beyond gather-one pad-edge"
)


@pytest.mark.parametrize("name", CAPTURED.split())
def test_what_is_read_exactly_is_captured_exactly(name: str) -> None:
    network = nn.Sequential(same(EXACT[name]()), nn.Flatten())
    x = torch.from_numpy(np.random.default_rng(2).normal(0, 2, (2, 3, 9, 8)).astype(np.float32))
    with torch.no_grad():
        torch.testing.assert_close(only(capture(network, InputSpec(3, 9, 8), ()).network(x)), network(x))


def test_a_file_for_one_image_reads_many_one_by_one() -> None:
    """Shuffled channels, and a flattening with its numbers written out."""
    model = graph(
        [
            node("Reshape", "x", "apart", out="a"),
            node("Transpose", "a", perm=[0, 2, 1, 3, 4], out="b"),
            node("Reshape", "b", "back", out="c"),
            node("Conv", "c", "w", out="r"),
            node("Reshape", "r", "flat", out="d"),
            node("Flatten", "d", axis=0),
        ],
        (4, 3, 2),
        batch=1,
        apart=np.array([1, 2, 2, 3, 2]),
        back=np.array([1, 4, 3, 2]),
        flat=np.array([1, -1]),
        w=array(4, 4, 1, 1),
    )
    network, x = same(model, 1), torch.from_numpy(array(3, 4, 3, 2))
    with torch.no_grad():
        assert torch.equal(network(x), torch.cat([network(one[None]) for one in x]))
    assert capture(network, InputSpec(4, 3, 2), ()).program.steps[0].kind == "shuffle"


def test_every_tensor_is_known_by_its_name_in_the_file() -> None:
    model = graph(
        [
            node("Transpose", "x", perm=[0, 3, 1, 2], out="turned"),
            node("Split", "turned", "s", axis=1, out="a b"),
            node("Shape", "a", out="shape"),
            node("Concat", "b", "a", axis=1),
        ],
        (9, 8, 3),
        s=np.array([1, 2]),
    )
    x = array(2, 9, 8, 3)
    found = OnnxNetwork(model, "net.onnx").tensors(torch.from_numpy(x).permute(0, 3, 1, 2))
    assert list(found) == ["turned", "a", "b", "y"]
    for name, value in found.items():
        model.graph.output[0].name = name
        wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
        np.testing.assert_array_equal(value.numpy(), wanted)
