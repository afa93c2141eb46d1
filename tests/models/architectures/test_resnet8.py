import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgequant.core.errors import BadModel, MissingExtra
from edgequant.core.preprocess import normalise
from edgequant.data.classes.unpickle import unpickle
from edgequant.models.architectures.resnet8 import Network, ResNet8, SameConv, load_keras_weights, same_padding
from edgequant.models.weights import save_weights

needs_h5py = pytest.mark.skipif(importlib.util.find_spec("h5py") is None, reason="h5py is not installed")


def real(name: str) -> Path:
    path = Path(os.environ.get("EDGEQUANT_DATA", "")) / name
    if not path.is_file():
        pytest.skip(f"$EDGEQUANT_DATA has no {name}")
    return path


def test_it_is_mlperf_tinys():
    model = ResNet8()
    network = model.build(model.inputs((3, 32, 32)), 10)
    assert sum(p.numel() for p in network.parameters()) == 78_186  # Keras: 78,666, of which 480 are running statistics
    assert network.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert not model.has_weights


def test_it_takes_raw_pixels():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert np.array_equal(normalise(pixels, ResNet8().inputs((1, 16, 16))).ravel(), pixels.ravel())


# (size, kernel, stride) -> TensorFlow's padding
@pytest.mark.parametrize(
    "case, want",
    [((32, 3, 1), (1, 1)), ((32, 3, 2), (0, 1)), ((7, 3, 2), (1, 1)), ((32, 1, 2), (0, 0)), ((8, 5, 2), (1, 2))],
)
def test_padding_is_tensorflows(case, want):
    assert same_padding(*case) == want


def test_an_even_side_is_not_padded_at_the_top_left():
    conv = SameConv(1, 1, 3, 2)
    nn.init.zeros_(conv.bias)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]]).view(1, 1, 3, 3))
        x = torch.arange(16.0).view(1, 1, 4, 4)
        assert torch.equal(conv(x), x[:, :, ::2, ::2])  # the kernel's first tap meets the first pixel


def write_keras(path: Path, network: nn.Module) -> None:
    """The network's weights, as Keras writes them."""
    import h5py

    from edgequant.models.architectures.resnet8 import CONVOLUTIONS, NORM_ENTRIES, NORMS

    state = network.state_dict()
    with h5py.File(path, "w") as file:
        for i, name in enumerate(CONVOLUTIONS):
            layer = f"conv2d_{i}" if i else "conv2d"
            file[f"model_weights/{layer}/{layer}/kernel:0"] = state[f"{name}.weight"].permute(2, 3, 1, 0).numpy()
            file[f"model_weights/{layer}/{layer}/bias:0"] = state[f"{name}.bias"].numpy()
        for i, name in enumerate(NORMS):
            layer = f"batch_normalization_{i}" if i else "batch_normalization"
            for theirs, ours in NORM_ENTRIES.items():
                file[f"model_weights/{layer}/{layer}/{theirs}:0"] = state[f"{name}.{ours}"].numpy()
        file["model_weights/dense/dense/kernel:0"] = state["classifier.weight"].T.numpy()
        file["model_weights/dense/dense/bias:0"] = state["classifier.bias"].numpy()
        file["optimizer_weights/Adam/conv2d/kernel/m:0"] = np.zeros(3)  # must not be taken for weights


@needs_h5py
def test_keras_weights_round_trip(tmp_path):
    source = Network(3, 10)
    source(torch.rand(4, 3, 32, 32) * 255)
    write_keras(tmp_path / "w.h5", source)
    target = ResNet8(weights=str(tmp_path / "w.h5")).build(ResNet8().inputs(None), 10)
    for name, value in source.state_dict().items():
        if "num_batches" not in name:
            assert torch.equal(target.state_dict()[name], value), name


@needs_h5py
def test_other_h5_files_are_refused(tmp_path):
    import h5py

    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(BadModel, match=r"text\.h5 cannot be read as HDF5"):
        load_keras_weights(Network(3, 10), tmp_path / "text.h5")
    with pytest.raises(BadModel, match=r"none\.h5 cannot be read"):
        load_keras_weights(Network(3, 10), tmp_path / "none.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["model_weights/dense/dense/kernel:0"] = np.zeros((2, 2))
    with pytest.raises(BadModel, match=r"other\.h5 is not MLPerf Tiny's ResNet-8: 'conv2d/kernel' is missing"):
        load_keras_weights(Network(3, 10), tmp_path / "other.h5")
    write_keras(tmp_path / "ten.h5", Network(3, 10))
    with pytest.raises(BadModel, match=r"2 of another shape \(classifier\.weight \(10, 64\) for \(7, 64\)"):
        load_keras_weights(Network(3, 7), tmp_path / "ten.h5")


def test_without_h5py_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtra, match=r"pip install 'edgequant\[keras\]'"):
        ResNet8(weights="any.h5").build(ResNet8().inputs(None), 10)


def test_our_own_weights_load_too(tmp_path):
    source = Network(3, 10)
    save_weights(source, tmp_path / "w.safetensors")
    model = ResNet8(weights=str(tmp_path / "w.safetensors"))
    assert model.has_weights
    target = model.build(model.inputs(None), 10)
    torch.testing.assert_close(target.conv.weight, source.conv.weight, rtol=1e-3, atol=1e-3)


@needs_h5py
def test_the_published_weights_reach_the_published_accuracy():
    """All 10,000 test images: MLPerf Tiny's float model is right on 8,719."""
    batch = unpickle(real("cifar-10-batches-py/test_batch"))
    model = ResNet8(weights=str(real("weights/mlperf_tiny_resnet8/pretrainedResnet.h5")))
    spec = model.inputs((3, 32, 32))
    network = model.build(spec, 10).eval().to(memory_format=torch.channels_last)
    images, labels = batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.array(batch[b"labels"])
    with torch.no_grad():
        parts = [network(torch.from_numpy(normalise(images[i : i + 500], spec))) for i in range(0, len(images), 500)]
    assert int((torch.cat(parts).argmax(1).numpy() == labels).sum()) == 8719


@needs_h5py
def test_the_published_weights_agree_with_the_published_tflite():
    from ai_edge_litert.interpreter import Interpreter

    model = ResNet8(weights=str(real("weights/mlperf_tiny_resnet8/pretrainedResnet.h5")))
    network = model.build(model.inputs((3, 32, 32)), 10).eval()
    runtime = Interpreter(str(real("weights/mlperf_tiny_resnet8/pretrainedResnet.tflite")))
    runtime.allocate_tensors()
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    with torch.no_grad():
        ours = network(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())).softmax(1).numpy()
    for image, mine in zip(pixels, ours):
        runtime.set_tensor(runtime.get_input_details()[0]["index"], image[None])
        runtime.invoke()
        np.testing.assert_allclose(mine, runtime.get_tensor(runtime.get_output_details()[0]["index"])[0], atol=1e-5)
