"""What the ONNX reader does not read, it refuses, naming the node and what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.models.sources.onnx.network import OnnxNetwork
from edgequant.models.sources.onnx.table import NEWEST
from onnx_graphs import array, graph, node, pool, stored


def with_opset(opset: int) -> onnx.ModelProto:
    return graph([node("Relu", "x")], opset=opset)


def foreign_domain(domain: str) -> onnx.ModelProto:
    made = graph([node("Relu", "x")])
    made.graph.node[0].domain = domain
    return made


def function_of_the_file() -> onnx.ModelProto:
    """A function that takes the name of an operator."""
    made = graph([node("Relu", "x")])
    body = [helper.make_node("Neg", ["a"], ["b"])]
    made.functions.append(helper.make_function("", "Relu", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))
    return made


def sparse() -> onnx.ModelProto:
    made = graph([node("Relu", "x")])
    made.graph.sparse_initializer.append(onnx.SparseTensorProto())
    return made


def bytes_in() -> onnx.ModelProto:
    made = graph([node("Cast", "x", to=1)])
    made.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    return made


def resize(opset: int = 19, scales: tuple[float, ...] = (1, 1, 2, 2), **attributes: Any) -> Any:
    return lambda: graph([node("Resize", "x", "", "s", **attributes)], opset=opset, s=np.array(scales, np.float32))


def norm(**attributes: Any) -> onnx.ModelProto:
    opset = attributes.pop("opset", 17)
    values = {"g": array(3), "b": array(3), "m": array(3), "v": np.abs(array(3)) + 0.1}
    return graph([node("BatchNormalization", "x", "g", "b", "m", "v", **attributes)], opset=opset, **values)


def sizes_of(*nodes: Any, **stored: Any) -> Any:
    return lambda: graph([node("Shape", "x", out="s"), *nodes], **stored)


REFUSED: dict[str, tuple[Any, str]] = {
    "unknown": (lambda: graph([node("Loop", "x")]), "the operator Loop"),
    "domain": (lambda: foreign_domain("com.microsoft"), "the operator com.microsoft.Relu"),
    "function": (function_of_the_file, "the operator its own.Relu"),
    "quantized": (lambda: graph([node("QuantizeLinear", "x", "s")], s=np.float32(1)), "quantized already"),
    "old": (lambda: with_opset(6), "opset 6 of ONNX; 7 to"),
    "new": (lambda: with_opset(NEWEST + 1), "of ONNX; 7 to"),
    "gone": (stored("Upsample", np.ones(4, np.float32), 10), "is no operator of opset 10"),
    "sparse": (sparse, "1 sparse tensors"),
    "bytes": (bytes_in, "takes uint8; float32"),
    "attribute": (lambda: graph([node("Relu", "x", alpha=1.0)]), "has the attribute alpha, unknown at opset 17"),
    "attribute-of-old": (lambda: graph([node("Clip", "x", min=0.0)]), "has the attribute min, unknown at opset 17"),
    "unmade": (lambda: graph([node("Add", "x", "z")]), "reads 'z', which no node before it makes"),
    "unmade-output": (lambda: graph([node("Relu", "x", out="z")]), "its output is 'y', which no node"),
    "unsorted": (lambda: graph([node("Relu", "z"), node("Relu", "x", out="z")]), "reads 'z', which no node"),
    "indices": (
        lambda: graph([node("MaxPool", "x", kernel_shape=[2, 2], out="a i"), node("Cast", "i", to=1)]),
        "reads 'i', .* optional result",
    ),
    "mask": (
        lambda: graph([node("Dropout", "x", out="a i"), node("Cast", "i", to=1)]),
        "reads 'i', .* optional result",
    ),
    "no-image": (sizes_of(node("Cast", "s", to=1)), "does not follow the image"),
    "conv-1d": (lambda: graph([node("Conv", "x", "w")], w=array(4, 3, 3)), "no 2-D convolution"),
    "conv-of-vectors": (
        lambda: graph([node("Flatten", "x", out="f"), node("Conv", "f", "w")], w=array(4, 3, 3, 3)),
        "takes 2 dimensions",
    ),
    "conv-kernel": (
        lambda: graph([node("Conv", "x", "w", kernel_shape=[3, 2])], w=array(4, 3, 3, 3)),
        r"states a kernel of \[3, 2\]",
    ),
    "computed-weights": (lambda: graph([node("Conv", "x", "x")]), "computes its input 1"),
    "integer-weights": (stored("MatMul", np.ones((8, 2), np.int64)), "computes with int64"),
    "impossible": (stored("MatMul", array(5, 2)), "cannot be computed: RuntimeError"),
    "impossible-constants": (
        lambda: graph([node("Add", "a", "b", out="c"), node("Add", "x", "c")], a=array(2), b=array(3)),
        "cannot be computed: TypeError",
    ),
    "image-behind": (lambda: graph([node("PRelu", "c", "x")], c=array(3, 9, 8)), "computes its input 1"),
    "image-behind-sizes": (
        lambda: graph([node("Reshape", "c", "x")], c=array(3)),
        "takes what comes from the image behind its first input",
    ),
    "transposed-same": (stored("ConvTranspose", array(3, 2, 3, 3), auto_pad="SAME_UPPER"), "has auto_pad = SAME_UPPER"),
    "transposed-shape": (stored("ConvTranspose", array(3, 2, 3, 3), output_shape=[9, 9]), "has output_shape ="),
    "transposed-extra": (stored("ConvTranspose", array(3, 2, 3, 3), output_padding=[1, 1]), "has output_padding ="),
    "gemm": (stored("Gemm", array(4, 3), transA=1), "has transA = 1"),
    "gemm-3d": (stored("Gemm", array(1, 8, 3)), "no stored matrix"),
    "gemm-of-images": (stored("Gemm", array(8, 3)), "takes 4 dimensions"),
    "gemm-bias": (lambda: graph([node("Gemm", "x", "w", "b")], w=array(8, 3), b=array(2, 3)), r"adds \(2, 3\)"),
    "matmul": (stored("MatMul", array(1, 8, 3)), "no stored matrix"),
    "layer-norm": (stored("LayerNormalization", array(3), axis=1), "with a scale of"),
    "layer-norm-bias": (
        lambda: graph([node("LayerNormalization", "x", "g", "b")], g=array(8), b=array(1)),
        "a bias of another shape",
    ),
    "layer-norm-type": (stored("LayerNormalization", array(8), stash_type=10), "has stash_type = 10"),
    "norm-training": (lambda: norm(training_mode=1), "has training_mode = 1"),
    "norm-of-old": (lambda: norm(spatial=0, opset=7), "has spatial = 0"),
    "norm-shape": (
        lambda: graph([node("BatchNormalization", "x", "g", "g", "g", "v")], g=array(3), v=array(1)),
        "not one a channel",
    ),
    "prelu-computed": (lambda: graph([node("PRelu", "x", "x")]), "computes its input 1"),
    "prelu-missing": (lambda: graph([node("PRelu", "x")]), "has no slope"),
    "prelu-large": (stored("PRelu", array(1, 1, 3, 9, 8)), "a slope of 5"),
    "dropout-on": (
        lambda: graph([node("Dropout", "x", "", "t")], t=np.bool_(True)),
        "drops values also when it predicts",
    ),
    "pool-1d": (pool("MaxPool", kernel_shape=[2]), r"kernel_shape = \[2\]"),
    "pool-of-vectors": (
        lambda: graph([node("Flatten", "x", out="f"), node("MaxPool", "f", kernel_shape=[2, 2])]),
        "pools 2 dimensions",
    ),
    "pool-pads": (pool("MaxPool", kernel_shape=[2, 2], pads=[1, 1]), r"has pads = \[1, 1\]"),
    "pool-both": (pool("MaxPool", kernel_shape=[2, 2], pads=[1, 1, 1, 1], auto_pad="VALID"), "and auto_pad = VALID"),
    "pool-mode": (pool("MaxPool", kernel_shape=[2, 2], auto_pad="FULL"), "has auto_pad = FULL"),
    "pool-empty": (pool("MaxPool", kernel_shape=[2, 2], pads=[2, 0, 0, 0]), "lie in its padding alone"),
    "pool-too-large": (pool("MaxPool", kernel_shape=[20, 2]), "lie in its padding alone, or none"),
    "pool-same-dilated": (
        pool("MaxPool", kernel_shape=[2, 2], dilations=[2, 2], auto_pad="SAME_UPPER"),
        "has dilations and auto_pad",
    ),
    "pool-same-strided": (pool("MaxPool", kernel_shape=[1, 1], strides=[3, 3], auto_pad="SAME_UPPER"), "strides by 3"),
    "average-dilated": (
        lambda: graph([node("AveragePool", "x", kernel_shape=[2, 2], dilations=[2, 2])], opset=19),
        "has dilations",
    ),
    "pad-axes": (stored("Pad", np.array([0, 1])), "pads 4 dimensions by"),
    "pad-mode": (stored("Pad", np.array([0, 0, 1, 0, 0, 0, 0, 0]), mode="mirror"), "pads by mode mirror"),
    "pad-reflect-channels": (stored("Pad", np.array([0, 1, 0, 0, 0, 0, 0, 0]), mode="reflect"), "pads by .* reflect"),
    "pad-reflect-far": (stored("Pad", np.array([0, 0, 9, 0, 0, 0, 0, 0]), mode="reflect"), "pads by .* reflect"),
    "pad-value": (
        lambda: graph([node("Pad", "x", "p", "v")], p=np.array([0] * 8), v=array(2)),
        "takes 2 numbers as one",
    ),
    "axes": (lambda: graph([node("ReduceMean", "x", axes=[1, -3])]), "each axis once"),
    "axes-computed": (lambda: graph([node("ReduceMean", "x", "x")], opset=18), "follow the image"),
    "clip-computed": (lambda: graph([node("Clip", "x", "x")]), "computes with what the image"),
    "reshape-empty": (stored("Reshape", np.array([0, -1]), allowzero=1), "no empty one"),
    "reshape-one": (stored("Reshape", np.array([1, -1])), "one image, in a network for any number"),
    "flatten": (lambda: graph([node("Flatten", "x", axis=5)]), "from axis 5"),
    "squeeze-images": (lambda: graph([node("Squeeze", "x")], (1, 1, 1)), "takes away the dimension of the images"),
    "squeeze-one": (lambda: graph([node("Squeeze", "x", "a")], batch=1, a=np.array([0])), "takes away the dimension"),
    "squeeze-more": (lambda: graph([node("Squeeze", "x", "a")], a=np.array([1])), "squeezes the axes"),
    "gather-images": (stored("Gather", np.array([0])), "picks images"),
    "gather-beyond": (stored("Gather", np.array([3]), axis=1), r"picks \[3\] of 3"),
    "cast": (lambda: graph([node("Cast", "x", to=7, out="i"), node("Cast", "i", to=1)]), "casts to int64"),
    "slice-back": (
        lambda: graph([node("Slice", "x", "s", "e", "s", "t")], s=np.array([1]), e=np.array([-9]), t=np.array([-1])),
        "positive steps",
    ),
    "slice-empty": (
        lambda: graph([node("Slice", "x", "a", "e", "a")], a=np.array([2]), e=np.array([-(2**63)])),
        "which leaves none",
    ),
    "split-uneven": (lambda: graph([node("Split", "x", axis=2, out="y z")]), "splits 9 elements into 2"),
    "split-sizes": (stored("Split", np.array([1, 1]), axis=1, out="y z"), r"into \[1, 1\]"),
    "gelu": (lambda: graph([node("Gelu", "x", approximate="erf")], opset=20), "approximated by erf"),
    "constant": (
        lambda: graph([node("Constant", out="c", sparse_value=onnx.SparseTensorProto()), node("Add", "x", "c")]),
        "has sparse_value =",
    ),
    "constant-empty": (lambda: graph([node("Constant", out="c"), node("Add", "x", "c")]), "has 0 values"),
    "resize-cubic": (resize(mode="cubic"), "by cubic"),
    "resize-crop": (resize(coordinate_transformation_mode="tf_crop_and_resize"), "at? ?.*tf_crop_and_resize"),
    "resize-linear-asymmetric": (
        resize(mode="linear", coordinate_transformation_mode="asymmetric"),
        "samples that PyTorch has not",
    ),
    "resize-nearest-ceil": (resize(nearest_mode="ceil"), "samples that PyTorch has not"),
    "resize-nearest-unknown": (resize(nearest_mode="simple"), "samples that PyTorch has not"),
    "resize-antialias": (resize(mode="linear", antialias=1, scales=(1, 1, 0.5, 0.5)), "antialias = 1 and makes"),
    "resize-aspect": (resize(keep_aspect_ratio_policy="not_larger"), "has keep_aspect_ratio_policy = not_larger"),
    "resize-channels": (resize(scales=(1, 2, 1, 1)), "resizes the channels or the images"),
    "resize-count": (resize(scales=(2, 2)), "2 scales for 4 dimensions"),
    "resize-fraction": (resize(mode="linear", scales=(1, 1, 1.3, 1)), "samples that PyTorch has not"),
    "resize-rounding": (resize(scales=(1, 1, 1.1111112, 1)), "a factor that gives whole pixels|PyTorch has not"),
    "resize-nothing": (lambda: graph([node("Resize", "x")], opset=13), "neither scales nor sizes"),
    "resize-sizes": (
        lambda: graph([node("Resize", "x", "", "", "s")], opset=13, s=np.array([3, 3])),
        "2 sizes for 4 dimensions",
    ),
    "resize-sizes-channels": (
        lambda: graph([node("Resize", "x", "", "", "s")], opset=13, s=np.array([1, 6, 9, 8])),
        r"resizes the channels or the images, to",
    ),
    "resize-vectors": (
        lambda: graph([node("Flatten", "x", out="f"), node("Resize", "f", "", "s")], s=np.ones(2, np.float32)),
        "resizes 2 dimensions",
    ),
    "resize-10": (stored("Resize", np.array([1, 1, 0.5, 0.5], np.float32), 10), "does not say how"),
    "resize-tf": (
        resize(opset=11, mode="linear", coordinate_transformation_mode="tf_half_pixel_for_nn"),
        "resizes by linear at tf_half_pixel_for_nn|has neither|samples",
    ),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_read_is_refused_by_name(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(BadModel, match=words) as caught:
        OnnxNetwork(make(), "net.onnx")
    assert "net.onnx" in str(caught.value) and "\n" not in str(caught.value)


def shaped(name: str) -> list[Any]:
    return [node("Concat", name, "open", axis=0, out="shape"), node("Reshape", "x", "shape")]


SYMBOLS: dict[str, tuple[Any, str]] = {  # sizes that follow the number of images, where capture makes them a symbol
    "float": (
        [node("Cast", "n", to=1, out="f"), node("Mul", "x", "f")],
        "computes floats with the number of images",
    ),
    "beside": (
        [node("Div", "c", "n", out="q"), *shaped("q")],
        "number of images|batches of one size",
    ),
    "transpose": ([node("Transpose", "n", out="q"), *shaped("q")], "computes with the number of images"),
    "axes": ([node("ReduceMean", "x", "n", keepdims=0)], "follow the image"),
    "split": (
        [node("Split", "x", "t", out="a b"), node("Concat", "b", "a", axis=0)],
        "splits the images|splits 2 ",
    ),
    "gather": ([node("Gather", "x", "one")], "picks images"),
    "slice": (
        [
            node("Unsqueeze", "n", "z", out="u"),
            node("Slice", "u", "z", "c", "z", out="w"),
            node("Squeeze", "w", "z", out="v"),
            *shaped("v"),
        ],
        "slices sizes that are no list",
    ),
    "resize": (
        [
            node("Mul", "n", "c", out="h"),
            node("Concat", "s2", "h", "c", axis=0, out="w"),
            node("Resize", "x", "", "", "w", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        ],
        "resizes to a size that follows the number of images",
    ),
}


@pytest.mark.parametrize("name", sorted(SYMBOLS))
def test_arithmetic_with_the_number_of_images_is_refused_where_it_is_not_certain(name: str) -> None:
    nodes, words = SYMBOLS[name]
    head = [node("Shape", "x", end=1, out="n"), node("Shape", "x", end=2, out="s2")]
    model = graph(
        [*head, *nodes],
        opset=19,
        c=np.array([9]),
        z=np.array([0]),
        t=np.array([1, 2]),
        one=np.array([1]),
        open=np.array([-1]),
    )
    with pytest.raises(BadModel, match=words):
        capture(OnnxNetwork(model, "net.onnx"), InputSpec(3, 9, 8), ())
