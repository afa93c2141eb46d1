"""Keras models by name and from files: their weights, preprocessing and names, and what is refused."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgequant.core.errors import BadModel, BadOption, MissingExtra, UnknownName
from edgequant.core.image import InputSpec
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.models.sources.keras import applications
from edgequant.models.sources.keras import files as keras_files
from edgequant.models.sources.keras import package as keras_package
from edgequant.models.sources.keras.network import without_softmax
from edgequant.models.sources.keras.package import import_keras
from edgequant.models.sources.keras.source import Keras, from_keras
from edgequant.models.sources.python_file import File
from edgequant.study.networks.objects import as_model
from edgequant.study.networks.sources import build_model

keras = import_keras()
L = keras.layers
# Keras hands NumPy its variables in a way that NumPy 2 warns of, when it saves and predicts.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
REAL = Path(os.environ.get("EDGEQUANT_DATA", "")) / "weights" / "mlperf_tiny_resnet8" / "pretrainedResnet.h5"


def small(softmax: bool = True, scaled: bool = True) -> Any:
    head = [L.Rescaling(1 / 127.5, -1.0)] if scaled else []
    body = [L.Conv2D(6, 3, strides=2, padding="same", use_bias=False, name="stem"), L.BatchNormalization(name="norm")]
    tail = [L.ReLU(6.0), L.Flatten(), L.Dense(5, activation="softmax" if softmax else None, name="head")]
    return keras.Sequential([keras.Input((8, 8, 3)), *head, *body, *tail])


@pytest.fixture
def saved(tmp_path: Path) -> str:
    small().save(tmp_path / "mine.keras")
    return str(tmp_path / "mine.keras")


def pixels(size: int = 8) -> Any:
    return np.random.default_rng(0).integers(0, 256, (4, size, size, 3), np.uint8)


def scores(source: Keras, images: Any) -> Any:
    inputs = source.inputs(None)
    network = source.build(inputs, 5).eval()
    with torch.no_grad():
        return network(torch.from_numpy(normalise(images, inputs))).numpy()


def test_a_saved_model_gives_keras_own_scores_for_pixels_under_the_users_names(saved: str) -> None:
    source = Keras(saved)
    wanted = keras.saving.load_model(saved).predict(pixels().astype(np.float32), verbose=0)
    np.testing.assert_allclose(scores(source, pixels()), wanted, atol=1e-5)
    inputs = source.inputs(None)
    assert inputs == InputSpec(3, 8, 8, mean=(0.5,), std=(0.5,)) and source.has_weights
    program = capture(source.build(inputs, 5), inputs, tuple("abcde")).program
    assert [step.layer for step in program.layers] == ["stem", "head"]


def test_softmax_is_kept_or_dropped_as_asked(saved: str) -> None:
    kept, dropped = scores(Keras(saved), pixels()), scores(Keras(saved, softmax=False), pixels())
    np.testing.assert_allclose(kept.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(torch.softmax(torch.from_numpy(dropped), 1), kept, atol=1e-5)
    with pytest.raises(BadModel, match="does not end in a softmax"):
        without_softmax(from_keras(small(softmax=False)))


def test_weights_of_an_h5_go_into_the_model(saved: str, tmp_path: Path) -> None:
    other = small()
    other.save_weights(tmp_path / "other.weights.h5")
    told = Keras(saved).with_weights(str(tmp_path / "other.weights.h5"))
    wanted = other.predict(pixels().astype(np.float32), verbose=0)
    np.testing.assert_allclose(scores(told, pixels()), wanted, atol=1e-5)
    other.save(tmp_path / "other.keras")
    np.testing.assert_allclose(scores(Keras(saved, weights=str(tmp_path / "other.keras")), pixels()), wanted, atol=1e-5)
    with pytest.raises(BadModel, match="are not sequential"):
        keras_files.load_into(keras.Sequential([keras.Input((4,)), L.Dense(2)]), tmp_path / "other.weights.h5")


def test_a_changed_file_is_read_again(saved: str) -> None:
    before = scores(Keras(saved), pixels())
    small().save(saved)
    os.utime(saved, ns=(1, 1))
    assert np.abs(scores(Keras(saved), pixels()) - before).max() > 1e-4


def test_a_model_that_does_not_scale_needs_mean_and_std(tmp_path: Path) -> None:
    small(scaled=False).save(tmp_path / "plain.keras")
    path = str(tmp_path / "plain.keras")
    assert Keras(path).inputs(None) == InputSpec(3, 8, 8, mean=(), std=()), "mean and std are not known"
    assert Keras(path, mean="0.5", std="0.25").inputs(None) == InputSpec(3, 8, 8, mean=(0.5,), std=(0.25,))


def test_a_lambda_is_refused_and_never_run(tmp_path: Path) -> None:
    path, ran = tmp_path / "code.keras", tmp_path / "ran"
    code = keras.Sequential(
        [keras.Input((4, 4, 3)), L.Lambda(lambda x, at=str(ran): (Path(at).mkdir(exist_ok=True), x)[1])]
    )
    ran.rmdir()  # Keras ran it once, to see its shape
    code.save(path)
    with pytest.raises(BadModel, match="Lambda layer, which is code"):
        Keras(str(path)).inputs(None)
    assert not ran.exists()


def test_files_that_are_no_model(saved: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no file"):
        Keras(str(tmp_path / "none.keras")).inputs(None)
    (tmp_path / "torn.keras").write_bytes(Path(saved).read_bytes()[:200])
    with pytest.raises(BadModel, match="cannot be read as a Keras model"):
        Keras(str(tmp_path / "torn.keras")).inputs(None)
    small().save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(BadModel, match="weights and no model"):
        Keras(str(tmp_path / "only.weights.h5")).inputs(None)


def test_a_class_that_keras_has_not(saved: str, tmp_path: Path) -> None:
    odd = tmp_path / "odd.keras"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(odd, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                config["config"]["layers"][2].update(class_name="Mine", module="mine", registered_name="mine>Mine")
                data = json.dumps(config).encode()
            new.writestr(name, data)
    with pytest.raises(BadModel, match="class that Keras does not have"):
        Keras(str(odd)).inputs(None)


def test_keras_without_its_package_or_on_another_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(BadModel, match="Keras runs on jax"):
        import_keras()
    monkeypatch.setitem(keras_package.sys.modules, "keras", None)
    with pytest.raises(MissingExtra, match=r"pip install 'edgequant\[keras\]'"):
        import_keras()


def test_an_h5_without_h5py(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"")
    monkeypatch.setitem(keras_package.sys.modules, "h5py", None)
    with pytest.raises(MissingExtra, match=r"pip install 'edgequant\[keras\]'"):
        keras_files.load_model(tmp_path / "x.h5")


# keras.applications


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("MobileNetV2", (0.5,), (0.5,)),
        ("DenseNet121", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("EfficientNetV2B0", (0.0,), (1 / 255,)),
    ],
)
def test_a_familys_preprocessing_is_asked_of_keras(name: str, mean: Any, std: Any) -> None:
    np.testing.assert_allclose(applications.pixels(name, 3)[0], mean, atol=1e-6)
    np.testing.assert_allclose(applications.pixels(name, 3)[1], std, rtol=1e-5)
    assert not applications.swaps_colours(name)


def test_a_family_of_blue_green_red_takes_red_green_blue_here() -> None:
    assert applications.swaps_colours("VGG16")
    mean, std = applications.pixels("VGG16", 3)
    made = keras.Sequential([keras.Input((8, 8, 3)), L.ZeroPadding2D(1), L.Conv2D(4, 3), L.Flatten(), L.Dense(2)])
    seen = keras.applications.vgg16.preprocess_input(pixels().astype(np.float32))
    wanted = made(torch.from_numpy(np.ascontiguousarray(seen)))
    network = from_keras(made).eval()
    applications.swap_colours(network)
    with torch.no_grad():
        got = network(torch.from_numpy(normalise(pixels(), InputSpec(3, 8, 8, mean=mean, std=std))))
    torch.testing.assert_close(got, wanted.detach(), rtol=1e-3, atol=1e-3)


def test_an_application_of_any_size_width_and_classes_with_seeded_weights() -> None:
    source = Keras("MobileNetV2", weights="random", size=32, alpha=0.35)
    inputs = source.inputs(None)
    assert inputs == InputSpec(3, 32, 32, mean=(0.5,), std=(0.5,)) and not source.has_weights
    torch.manual_seed(3)
    one = source.build(inputs, 7).eval()
    torch.manual_seed(3)
    two = source.build(inputs, 7).eval()
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert one(x).shape == (1, 7) and torch.equal(one(x), two(x))
    layers = [name for name, module in one.named_modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
    assert layers[:3] == ["Conv1", "expanded_conv_depthwise", "expanded_conv_project"] and layers[-1] == "predictions"


def test_a_photographs_crop_is_in_the_record() -> None:
    assert Keras("MobileNetV2", weights="random", alpha=0.35).inputs(None).resize == 256
    assert Keras("MobileNetV2", weights="random", alpha=0.35, size=32).inputs((3, 32, 32)).resize is None
    assert applications.default_size("Xception") == 299


def test_names_and_options_that_keras_does_not_have() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'MobileNetV2'"):
        Keras("MobileNetV22", weights="random").inputs(None)
    with pytest.raises(BadOption, match="takes no alpha"):
        Keras("VGG16", weights="random", alpha=0.5).inputs(None)
    with pytest.raises(BadModel, match="refuses"):
        Keras("MobileNetV2", weights="random", size=8).inputs(None)
    with pytest.raises(BadModel, match="weights=imagenet, random or a file"):
        Keras("MobileNetV2", weights="imagenette").inputs(None)
    with pytest.raises(BadModel, match="keras needs a model"):
        Keras().inputs(None)
    with pytest.raises(BadModel, match="for 3 channels"):
        applications.pixels("DenseNet121", 1)


def test_weights_that_cannot_be_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(**_: Any) -> Any:
        raise Exception("URL fetch failure on https://example.invalid: None")

    no_network.__signature__ = applications.inspect.signature(keras.applications.MobileNetV2)  # type: ignore[attr-defined]
    monkeypatch.setattr(keras.applications, "MobileNetV2", no_network)
    with pytest.raises(BadModel, match=r"could not download .* --weights random"):
        Keras("MobileNetV2").inputs(None)


def test_an_image_that_goes_elsewhere_cannot_have_its_colours_swapped() -> None:
    network = from_keras(keras.Sequential([keras.Input((8, 8, 3)), L.DepthwiseConv2D(3), L.Flatten(), L.Dense(2)]))
    with pytest.raises(BadModel, match="swap its colours"):
        applications.swap_colours(network)


# In memory and from a factory


def test_a_model_in_memory_says_what_it_sees() -> None:
    made = small()
    wrapped = as_model(made, None)  # type: ignore[arg-type]
    assert wrapped.inputs(None) == InputSpec(3, 8, 8, mean=(0.5,), std=(0.5,))
    assert wrapped.build(wrapped.inputs(None), 5).get_submodule("stem").out_channels == 6


@pytest.mark.parametrize("declared", [False, True])
def test_a_factory_may_return_a_keras_model(tmp_path: Path, declared: bool) -> None:
    said = "input_spec = {'channels': 3, 'height': 8, 'width': 8, 'mean': (0.0,), 'std': (1 / 255,)}\n"
    text = (
        "import keras\nL = keras.layers\n"
        + said * declared
        + (
            "def make(classes):\n"
            "    keras.utils.set_random_seed(1)\n"
            "    layers = [L.Rescaling(1 / 255, -0.5), L.Flatten(), L.Dense(classes)]\n"
            "    return keras.Sequential([keras.Input((8, 8, 3)), *layers])\n"
        )
    )
    (tmp_path / "net.py").write_text(text)
    source = build_model(f"{tmp_path / 'net.py'}:make")
    assert isinstance(source, File)
    inputs = source.inputs(None)
    assert inputs.shape == (3, 8, 8) and (inputs.mean == (0.0,)) == declared
    with torch.no_grad():
        got = source.build(inputs, 4).eval()(torch.from_numpy(normalise(pixels(), inputs)))
    keras.utils.set_random_seed(1)
    layers = [L.Rescaling(1 / 255, -0.5), L.Flatten(), L.Dense(4)]
    wanted = keras.Sequential([keras.Input((8, 8, 3)), *layers]).predict(pixels().astype(np.float32), verbose=0)
    np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_a_translation_that_differs_is_refused() -> None:
    made = small()
    network = from_keras(made)
    network.get_submodule("head").bias.data[0] += 1
    with pytest.raises(BadModel, match="not the one that Keras runs: the tensor 'head' is the first that differs"):
        capture(network, network.spec, (), judge=network.judge)


@pytest.mark.skipif(not REAL.is_file(), reason="EDGEQUANT_DATA has no weights/mlperf_tiny_resnet8")
def test_a_published_h5_recognises_images() -> None:
    """MLPerf Tiny's ResNet-8 as it was trained with TensorFlow: 87.19% of all 10,000 test images; here 100 of them."""
    from edgequant.data.classes.cifar import Cifar10

    source = build_model(f"{REAL},mean=0,std=0.00392156862745098")
    inputs = source.inputs(None)
    test = Cifar10(str(REAL.parents[2])).load(inputs).test
    assert test is not None and test.labels is not None
    shown = np.arange(100)
    with torch.no_grad():
        found = source.build(inputs, 10).eval()(torch.from_numpy(normalise(test.take(shown), inputs))).argmax(1).numpy()
    assert (found == test.labels[shown]).mean() >= 0.8
