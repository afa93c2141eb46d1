"""Float .onnx files, ours and as exporters write them, against ONNX Runtime; and files that are no classifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from edgequant.core.errors import BadModel, BadOption
from edgequant.core.image import InputSpec
from edgequant.core.pixels import Stated
from edgequant.graph.capture.capture import capture
from edgequant.models.sources.onnx.network import OnnxNetwork
from edgequant.models.sources.onnx.source import Onnx
from edgequant.study.networks.contract import contract
from onnx_graphs import array, graph, node, same

CASES: dict[str, Any] = {
    "conv": lambda: graph(
        [node("Conv", "x", "stem.weight", "b", pads=[1, 0, 0, 2], strides=[2, 1])],
        stem__weight=array(4, 3, 3, 3),
        b=array(4),
    ),
    "conv-same": lambda: graph([node("Conv", "x", "w", auto_pad="SAME_UPPER", strides=[2, 2])], w=array(4, 3, 3, 3)),
    "conv-same-lower": lambda: graph(
        [node("Conv", "x", "w", auto_pad="SAME_LOWER", strides=[2, 2])], w=array(4, 3, 4, 3)
    ),
    "conv-same-stride-1": lambda: graph([node("Conv", "x", "w", auto_pad="SAME_UPPER")], w=array(4, 3, 4, 3)),
    "conv-grouped": lambda: graph([node("Conv", "x", "w", group=3, dilations=[2, 1])], w=array(6, 1, 2, 3)),
    "transposed": lambda: graph(
        [node("ConvTranspose", "x", "w", "b", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])],
        w=array(3, 4, 3, 3),
        b=array(4),
    ),
    "batch-norm": lambda: graph(
        [node("BatchNormalization", "x", "g", "b", "m", "v")],
        g=array(3),
        b=array(3),
        m=array(3),
        v=np.abs(array(3)) + 0.1,
    ),
    "prelu": lambda: graph([node("PRelu", "x", "s")], s=array(3, 1, 1)),
    "layer-norm": lambda: graph([node("LayerNormalization", "x", "g", "b")], g=array(8), b=array(8)),
    "max-pool": lambda: graph([node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])]),
    "max-pool-same": lambda: graph([node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER")]),
    "average-pool": lambda: graph(
        [node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)]
    ),
    "global": lambda: graph(
        [
            node("GlobalAveragePool", "x", out="p"),
            node("GlobalMaxPool", "x", out="q"),
            node("Concat", "p", "q", axis=1, out="c"),
            node("Squeeze", "c", "a"),
        ],
        a=np.array([2, 3]),
    ),
    "activations": lambda: graph(
        [
            node("Relu", "x", out="a"),
            node("LeakyRelu", "a", alpha=0.2, out="b"),
            node("Elu", "x", out="c"),
            node("Add", "b", "c", out="d"),
            node("HardSwish", "d", out="e"),
            node("Tanh", "e", out="f"),
            node("Sigmoid", "f", out="g"),
            node("Sub", "g", "x", out="h"),
            node("Identity", "h"),
        ]
    ),
    "hard-sigmoid": lambda: graph([node("HardSigmoid", "x", alpha=1 / 6, beta=0.5)]),
    "clip": lambda: graph(
        [node("Clip", "x", "l", "h", out="a"), node("Clip", "a", "l", out="b"), node("Clip", "b", "l", "t")],
        l=np.float32(0),
        h=np.float32(6),
        t=np.float32(2),
    ),
    "clip-of-old": lambda: graph([node("Clip", "x", min=-1.0, max=1.0)], opset=7),
    "numbers": lambda: graph(
        [
            node("Mul", "x", "two", out="a"),
            node("Div", "a", "three", out="b"),
            node("Add", "b", "channel", out="c"),
            node("Sum", "c", "x", "b"),
        ],
        two=np.float32(2),
        three=np.float32(3),
        channel=array(1, 3, 1, 1),
    ),
    "pad": lambda: graph(
        [node("Pad", "x", "p", "v", out="a"), node("Pad", "a", "q", mode="reflect")],
        p=np.array([0, 0, 1, 0, 0, 0, 2, 1]),
        q=np.array([0, 0, 0, 1, 0, 0, 1, 0]),
        v=np.float32(0),
    ),
    "mean": lambda: graph([node("ReduceMean", "x", axes=[2, 3], keepdims=0)]),
    "mean-of-new": lambda: graph([node("ReduceMean", "x", "a")], opset=18, a=np.array([2, 3])),
    "unsqueeze": lambda: graph(
        [node("ReduceMean", "x", axes=[2, 3], keepdims=0, out="a"), node("Unsqueeze", "a", "d")], d=np.array([2, 3])
    ),
    "transpose": lambda: graph([node("Transpose", "x", perm=[0, 2, 3, 1])]),
    "slices": lambda: graph([node("Slice", "x", "s", "e", "a")], s=np.array([1]), e=np.array([3]), a=np.array([1])),
    "split": lambda: graph(
        [node("Split", "x", "s", axis=1, out="a b"), node("Concat", "b", "a", axis=1)], s=np.array([1, 2])
    ),
    "resize": lambda: graph(
        [
            node(
                "Resize",
                "x",
                "",
                "s",
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
        ],
        s=np.array([1, 1, 2, 2], np.float32),
    ),
    "resize-bilinear": lambda: graph(
        [node("Resize", "x", "", "s", mode="linear")], s=np.array([1, 1, 2, 2], np.float32)
    ),
    "softmax": lambda: graph([node("Flatten", "x", out="f"), node("Softmax", "f")]),
    "gemm": lambda: graph(
        [node("Flatten", "x", out="f"), node("Gemm", "f", "w", "b", alpha=0.5, beta=2.0)], w=array(216, 5), b=array(5)
    ),
    "matmul": lambda: graph(
        [node("Flatten", "x", out="f"), node("MatMul", "f", "w", out="m"), node("Add", "m", "b")],
        w=array(216, 5),
        b=array(5),
    ),
    "reshape": lambda: graph([node("Reshape", "x", "s")], s=np.array([0, -1])),
    "sizes": lambda: graph(  # x.view(x.size(0), -1), as older exporters write it
        [
            node("Shape", "x", out="s"),
            node("Constant", out="i", value_int=0),
            node("Gather", "s", "i", out="n"),
            node("Unsqueeze", "n", "z", out="u"),
            node("Constant", out="m", value_ints=[-1]),
            node("Concat", "u", "m", axis=0, out="t"),
            node("Cast", "t", to=7, out="c"),
            node("Reshape", "x", "c"),
        ],
        z=np.array([0]),
    ),
    "half": lambda: graph([node("Conv", "x", "wf")], wf=array(4, 3, 3, 3)),
    "dropout": lambda: graph([node("Dropout", "x")]),
    "gelu": lambda: graph([node("Gelu", "x")], opset=20),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_operator_computes_what_the_runtime_computes(name: str) -> None:
    same(CASES[name]())


def classifier(batch: Any = "N", opset: int = 17) -> onnx.ModelProto:
    nodes = [
        node("Conv", "x", "features.0.weight", "features.0.bias", pads=[1, 1, 1, 1], out="a"),
        node("BatchNormalization", "a", "features.1.weight", "b", "m", "v", out="n"),
        node("Relu", "n", out="r"),
        node("GlobalAveragePool", "r", out="p"),
        node("Reshape", "p", "flat", out="f"),
        node("Gemm", "f", "classifier.weight", "classifier.bias", transB=1),
    ]
    stored = {"features__0__weight": array(4, 3, 3, 3), "features__0__bias": array(4), "features__1__weight": array(4)}
    norm = {"b": array(4), "m": array(4), "v": np.abs(array(4)) + 0.5, "flat": np.array([1 if batch == 1 else 0, 4])}
    return graph(
        nodes, batch=batch, opset=opset, **stored, **norm, classifier__weight=array(5, 4), classifier__bias=array(5)
    )


@pytest.mark.parametrize("batch", ["N", 1])
def test_a_classifier_is_captured_under_its_exporters_names(batch: Any, tmp_path: Path) -> None:
    onnx.save(classifier(batch), tmp_path / "net.onnx")
    source = Onnx(str(tmp_path / "net.onnx"), mean="0.5", std="0.25")
    inputs = source.inputs(None)
    assert inputs == InputSpec(3, 9, 8, mean=(0.5,), std=(0.25,)) and source.has_weights
    found = capture(source.build(inputs, 5), inputs, tuple("abcde"))
    assert [(step.kind, step.layer) for step in found.program.layers] == [
        ("conv2d", "features.0"),
        ("linear", "classifier"),
    ]
    assert [step.activation for step in found.program.layers] == ["relu", ""]


def test_images_with_channels_behind_are_taken_as_they_are_turned() -> None:
    model = graph(
        [node("Transpose", "x", perm=[0, 3, 1, 2], out="t"), node("Conv", "t", "w")], (9, 8, 3), w=array(4, 3, 3, 3)
    )
    x = array(2, 9, 8, 3)
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    with torch.no_grad():
        got = OnnxNetwork(model, "net.onnx")(torch.from_numpy(x).permute(0, 3, 1, 2))
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("left", [(0, 0), (9, 0), (0, 8)])
def test_a_size_that_the_file_leaves_open_is_the_stated_one(
    left: tuple[int, int], behind: bool, tmp_path: Path
) -> None:
    """As exporters write them, with dynamic height and width; judged by ONNX Runtime on the file itself."""
    head = [node("Transpose", "x", perm=[0, 3, 1, 2], out="t")] if behind else []
    conv = node("Conv", "t" if behind else "x", "w")
    model = graph([*head, conv], (9, 8, 3) if behind else (3, 9, 8), w=array(4, 3, 3, 3))
    dims = model.graph.input[0].type.tensor_type.shape.dim
    for dim, size in zip(list(dims)[1 if behind else 2 :], left):
        if not size:
            dim.dim_param = "open"
    onnx.save(model, tmp_path / "net.onnx")
    source = Onnx(str(tmp_path / "net.onnx"), mean="0.5", std="0.25")
    assert source.inputs(None).shape == (3, *left)
    with pytest.raises(BadModel, match="Nothing says which size"):
        contract(source, Stated(), None, "net.onnx", free=False)
    inputs = contract(source, Stated(size="8x9"), None, "net.onnx", free=False)
    assert inputs.shape == (3, 9, 8)
    if any(left):
        with pytest.raises(BadOption, match="itself says size"):
            contract(source, Stated(size="7x7"), None, "net.onnx", free=False)
    x = array(2, 9, 8, 3) if behind else array(2, 3, 9, 8)
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    with torch.no_grad():
        got = source.build(inputs, 4)(torch.from_numpy(x.transpose(0, 3, 1, 2) if behind else x))
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_our_own_record_is_read_back(tmp_path: Path) -> None:
    model = classifier()
    record = {"mean": [0.1], "std": [0.2], "resize": 12, "interpolation": "bicubic", "classes": []}
    helper.set_model_props(model, {"edgequant": json.dumps(record)})
    onnx.save(model, tmp_path / "net.onnx")
    assert Onnx(str(tmp_path / "net.onnx")).inputs(None) == InputSpec(
        3, 9, 8, mean=(0.1,), std=(0.2,), resize=12, interpolation="bicubic"
    )


def test_files_that_are_no_classifier(tmp_path: Path) -> None:
    def source(model: onnx.ModelProto) -> Onnx:
        onnx.save(model, tmp_path / "net.onnx")
        return Onnx(str(tmp_path / "net.onnx"), mean="0.5", std="0.5")

    two = classifier()
    two.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 3, 9, 8]))
    with pytest.raises(BadModel, match="2 inputs"):
        source(two).inputs(None)
    open_ = classifier()
    open_.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "channels"
    with pytest.raises(BadModel, match="one size"):
        source(open_).inputs(None)
    out = classifier()
    out.graph.output.append(helper.make_tensor_value_info("p", TensorProto.FLOAT, None))
    with pytest.raises(BadModel, match="2 outputs"):
        source(out).build(InputSpec(3, 9, 8), 5)
    assert Onnx(str(tmp_path / "net.onnx")).inputs(None) == InputSpec(3, 9, 8, mean=(), std=()), (
        "mean and std are not known"
    )
    (tmp_path / "torn.onnx").write_bytes(b"\x08 torn")
    with pytest.raises(BadModel, match="not an ONNX model"):
        Onnx(str(tmp_path / "torn.onnx")).inputs(None)
    with pytest.raises(BadModel, match="no file"):
        Onnx("nowhere.onnx").inputs(None)
