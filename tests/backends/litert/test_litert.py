"""The files: the diet changes no output, other recipes run, sub-8-bit weights are packed, damage is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import litert_samples as samples
from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.litert.session import Session
from edgequant.backends.tflite.inspect import read_model
from edgequant.backends.tflite.layout import pack
from edgequant.backends.tflite.write.emit import EMIT
from edgequant.core.arrays import only
from edgequant.core.errors import BadFile, Unsupported
from edgequant.graph.ops.table import OPS
from edgequant.quantization.simulation.simulate import with_stored_weights

BACKEND = LiteRT()


def test_every_operation_has_an_emitter() -> None:
    assert EMIT.keys() == OPS.keys()


@pytest.mark.parametrize("recipe", ["float32", "w8a8", "w8a16", "w4a8-all"])
def test_the_diet_changes_no_output_and_no_kernel(recipe: str, tmp_path: Path) -> None:
    made, x = samples.reference("excite", recipe), samples.images()
    slim = BACKEND.lower(made, tmp_path / "slim.tflite", slim=True)
    plain = BACKEND.lower(made, tmp_path / "plain.tflite", slim=False)
    assert slim.bytes < plain.bytes
    first, second = BACKEND.open(slim.path), BACKEND.open(plain.path)
    np.testing.assert_array_equal(only(first.run_quantized(x)), only(second.run_quantized(x)))
    assert first.kernels() == second.kernels()


def test_the_same_reference_gives_the_same_bytes(tmp_path: Path) -> None:
    made = samples.reference("excite", "w8a8")
    first, second = (BACKEND.lower(made, tmp_path / name) for name in ("a.tflite", "b.tflite"))
    assert first.sha256 == second.sha256
    assert first.bytes == first.path.stat().st_size


@pytest.mark.parametrize("name", samples.NETS)
def test_float32_is_the_network(name: str, tmp_path: Path) -> None:
    made, x = samples.reference(name, "float32"), samples.images()
    file = only(BACKEND.open(samples.lowered(made, tmp_path)).run(x))
    np.testing.assert_allclose(file, truth(made.captured.network, x), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("recipe", ["float16", "w8", "w4-all", "w2-all"])
@pytest.mark.parametrize("name", ["depthwise", "silu"])
def test_stored_weights_are_what_the_simulation_computes_with(recipe: str, name: str, tmp_path: Path) -> None:
    made, x = samples.reference(name, recipe), samples.images()
    file = only(BACKEND.open(samples.lowered(made, tmp_path)).run(x))
    np.testing.assert_allclose(file, truth(with_stored_weights(made), x), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", ["linear only", "stride 2, flatten", "depthwise", "grouped"])
def test_dynamic_is_near_the_network(name: str, tmp_path: Path) -> None:
    made, x = samples.reference(name, "dynamic-w8"), samples.images()
    file, wanted = only(BACKEND.open(samples.lowered(made, tmp_path)).run(x)), truth(made.captured.network, x)
    apart = float(np.abs(file - wanted).max() / np.ptp(wanted))
    assert 0 < apart < 0.03


def truth(network: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return only(network(torch.from_numpy(x))).numpy()  # type: ignore[no-any-return]


def test_a_static_file_is_all_integers(tmp_path: Path) -> None:
    found = BACKEND.inspect(samples.lowered(samples.reference("excite", "w8a8"), tmp_path))
    assert {t["type"] for t in found["tensors"]} == {"int8", "int32"}
    assert sum(found["bytes"].values()) == 2 * found["bytes"]["total"]
    assert found["metadata"]["recipe"] == "w8a8"


def test_kernels_are_counted_where_they_run(tmp_path: Path) -> None:
    path = samples.lowered(samples.reference("average pool", "w8a8"), tmp_path)
    session = BACKEND.open(path)
    assert isinstance(session, Session)
    assert session.kernels() == {"delegated": 3, "total": 4, "by": {"XNNPACK": 3, "AVERAGE_POOL_2D": 1}}
    assert session.delegated() == {"conv2d", "flatten", "linear"}
    plain = LiteRT(delegate=False).open(path)
    assert isinstance(plain, Session)
    assert plain.kernels()["by"]["XNNPACK"] == 0 and plain.delegated() == frozenset()


def test_depthwise_layers_have_the_depthwise_operator(tmp_path: Path) -> None:
    found = BACKEND.inspect(samples.lowered(samples.reference("depthwise, stride 2, multiplier", "w8a8"), tmp_path))
    assert found["operators"] == {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "MEAN": 1, "FULLY_CONNECTED": 1}


@pytest.mark.parametrize(("name", "pads"), [("pad merged", 0), ("pad operator", 1), ("max pool, same", 0)])
def test_padding_that_is_not_same_is_an_operator(name: str, pads: int, tmp_path: Path) -> None:
    found = BACKEND.inspect(samples.lowered(samples.reference(name, "w8a8"), tmp_path))
    assert found["operators"].get("PAD", 0) == pads


def test_padding_of_even_images_is_merged(tmp_path: Path) -> None:
    spec = samples.InputSpec(3, 8, 8)
    made = samples.reference(samples.padded((0, 1, 0, 1), stride=2)(), "w8a8", spec)
    path, x = samples.lowered(made, tmp_path), samples.images(spec)
    assert BACKEND.inspect(path)["operators"].get("PAD", 0) == 0
    out, wanted = made.activations[made.captured.program.only.tensor], truth(made.captured.network, x[:8])
    assert np.abs(only(BACKEND.open(path).run(x[:8])) - wanted).max() < 4 * out.scale


@given(st.lists(st.integers(-7, 7), min_size=1, max_size=40))
def test_int4_packs_and_unpacks(values: list[int]) -> None:
    data = np.frombuffer(pack(np.array(values), 4), np.uint8)
    assert len(data) == -(-len(values) // 2)
    assert unpack(data, 4)[: len(values)] == values


@given(st.lists(st.integers(-2, 1), min_size=1, max_size=40))
def test_int2_packs_and_unpacks(values: list[int]) -> None:
    data = np.frombuffer(pack(np.array(values), 2), np.uint8)
    assert len(data) == -(-len(values) // 4)
    assert unpack(data, 2)[: len(values)] == values


def unpack(data: np.ndarray, bits: int) -> list[int]:
    fields = [(int(byte) >> shift) % 2**bits for byte in data for shift in range(0, 8, bits)]
    return [f - 2**bits if f >= 2 ** (bits - 1) else f for f in fields]


@pytest.mark.parametrize(("recipe", "kind", "bits"), [("w4a8-all", "int4", 4), ("w2a8-all", "int2", 2)])
def test_small_weights_are_packed_in_the_file(recipe: str, kind: str, bits: int, tmp_path: Path) -> None:
    made = samples.reference("linear only", recipe)
    path = samples.lowered(made, tmp_path)
    weight = next(t for t in BACKEND.inspect(path)["tensors"] if t["name"] == "fc")
    assert (weight["type"], weight["bits"], weight["bytes"]) == (kind, bits, -(-80 * bits // 8))
    model, names = read_model(path), json.loads(path.with_suffix(".names.json").read_text())
    index = next(int(i) for i, name in names.items() if name == "fc")
    data = model.buffers[model.subgraphs[0].tensors[index].buffer].data
    assert unpack(data, bits)[:80] == made.weights["fc"].q.flatten().tolist()


@settings(max_examples=40, derandomize=True)
@given(st.integers(0, 10_000))
def test_a_file_cut_short_is_refused(cut: int) -> None:
    whole = torn_file().read_bytes()
    path = torn_file().with_name("cut.tflite")
    path.write_bytes(whole[: cut % (len(whole) * 3 // 4)])
    with pytest.raises(BadFile):
        BACKEND.open(path)
    with pytest.raises(BadFile):
        BACKEND.inspect(path)


_KEPT: dict[str, Path] = {}


def torn_file() -> Path:
    return _KEPT["file"]


@pytest.fixture(autouse=True, scope="module")
def _file(tmp_path_factory: pytest.TempPathFactory) -> None:
    _KEPT["file"] = samples.lowered(samples.reference("mean", "w8a8"), tmp_path_factory.mktemp("torn"))


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\0" * 400, b"\x1c\0\0\0TFL3" + b"\xff" * 400, b"PK\x03\x04 not a model"]
)
def test_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "garbage.tflite"
    path.write_bytes(content)
    for read in (BACKEND.open, BACKEND.inspect):
        with pytest.raises(BadFile, match=r"garbage\.tflite"):
            read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for read in (BACKEND.open, BACKEND.inspect):
        with pytest.raises(BadFile, match=r"none\.tflite"):
            read(tmp_path / "none.tflite")


@pytest.mark.parametrize(
    ("name", "recipe", "said"),
    [
        ("mean", "w2a8-all", "no kernel for 2-bit weights"),
        ("depthwise", "w4a16-all", "depthwise"),
    ],
)
def test_kernels_that_litert_lacks_are_refused(name: str, recipe: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=said):
        BACKEND.lower(samples.reference(name, recipe), tmp_path / "net.tflite")


def reshaped(m: Any, x: torch.Tensor) -> torch.Tensor:
    return m.fc(m.c(x).reshape(x.shape[0], 8, 7, 9).mean((2, 3)))  # type: ignore[no-any-return]


def scores_of_an_image(m: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(samples.flat(m.c(x)), 1)


def an_image_as_scores(m: Any, x: torch.Tensor) -> torch.Tensor:
    return samples.flat(m.c(x))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (reshaped, "layout"),
        (an_image_as_scores, "by the app, as the network's output"),
        (scores_of_an_image, "order would change"),
    ],
)
def test_layouts_that_nhwc_lacks_are_refused(body: samples.Body, said: str, tmp_path: Path) -> None:
    module = samples.Net(body, c=samples.same(), fc=samples.head(8))
    with pytest.raises(Unsupported, match=said):
        BACKEND.lower(samples.reference(module, "float32"), tmp_path / "net.tflite")


def test_pooling_with_a_padding_of_torch_alone_is_refused(tmp_path: Path) -> None:
    module = samples.pooled(lambda x: F.avg_pool2d(x, 5, 1, 1, count_include_pad=False), 8 * 7 * 5)()
    with pytest.raises(Unsupported, match="neither SAME nor VALID"):
        BACKEND.lower(samples.reference(module, "float32"), tmp_path / "net.tflite")
