"""NormalizationOptions of TensorFlow Lite's metadata, written here by the flatbuffer's own builder."""

from __future__ import annotations

import os
from pathlib import Path

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.backends.tflite import writer
from edgequant.backends.tflite.inspect import metadata, read_model
from edgequant.backends.tflite.pixel_metadata import _normalization
from edgequant.files.input import open_file, spec_for

FIELD = Path(os.environ.get("EDGEQUANT_DATA", "")) / "field"


def packed(mean: list[float], std: list[float], kind: int = 1) -> bytes:
    """ModelMetadata -> SubGraphMetadata -> TensorMetadata -> ProcessUnit -> NormalizationOptions."""
    b = flatbuffers.Builder(256)

    def floats(values: list[float]) -> int:
        b.StartVector(4, len(values), 4)
        for value in reversed(values):
            b.PrependFloat32(value)
        return int(b.EndVector())

    def table(size: int, **fields: int) -> int:
        b.StartObject(size)
        for slot, offset in fields.items():
            b.PrependUOffsetTRelativeSlot(int(slot[1:]), offset, 0)
        return int(b.EndObject())

    def listed(offset: int) -> int:
        b.StartVector(4, 1, 4)
        b.PrependUOffsetTRelative(offset)
        return int(b.EndVector())

    options = table(2, _0=floats(mean), _1=floats(std))
    b.StartObject(2)
    b.PrependUint8Slot(0, kind, 0)
    b.PrependUOffsetTRelativeSlot(1, options, 0)
    unit = b.EndObject()
    image = table(7, _4=listed(unit))
    graph = table(8, _2=listed(image))
    b.Finish(table(8, _3=listed(graph)), b"M001")
    return bytes(b.Output())


def file(folder: Path, data: bytes, kind: int = schema.TensorType.FLOAT32) -> Path:
    w = writer.Writer()
    x, y = (w.tensor((1, 8, 6, 3), kind) for _ in range(2))
    w.operator(schema.BuiltinOperator.RELU, (x,), (y,))
    path = folder / "net.tflite"
    path.write_bytes(w.finish({"x": x}, {"y": y}, {"TFLITE_METADATA": data}))
    return path


@pytest.mark.parametrize(("mean", "std"), [([127.5], [127.5]), ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])])
def test_mean_and_std_are_found_and_divided(mean: list[float], std: list[float], tmp_path: Path) -> None:
    found = spec_for(open_file(file(tmp_path, packed(mean, std))))
    assert found.shape == (3, 8, 6)
    assert found.mean == pytest.approx([v / 255 for v in mean]) and found.std == pytest.approx([v / 255 for v in std])


def test_what_says_nothing_of_a_float_input_is_nothing(tmp_path: Path) -> None:
    for data in (packed([1.0], [1.0], kind=2), packed([], []), b"", b"torn", b"\xff" * 64):
        assert metadata(read_model(file(tmp_path, data))) == {}
    assert metadata(read_model(file(tmp_path, packed([1.0], [1.0]), schema.TensorType.UINT8))) == {}


@settings(deadline=None)
@given(st.data())
def test_torn_metadata_never_raises_anything_else(data: st.DataObject) -> None:
    good = bytearray(packed([127.5], [127.5]))
    for _ in range(3):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))

    class Entry:
        name, buffer = b"TFLITE_METADATA", 0

    class Buffer:
        data = bytes(good)

    class Tensor:
        type = 0

    class Graph:
        inputs, tensors = [0], [Tensor()]

    class Model:
        subgraphs, metadata, buffers = [Graph()], [Entry()], [Buffer()]

    assert metadata(Model()).keys() in ({"mean", "std"}, set())
    assert _normalization(packed([127.5], [127.5])) == {"mean": [0.5], "std": [0.5]}


@pytest.mark.skipif(not FIELD.is_dir(), reason="EDGEQUANT_DATA has no field files")
def test_what_people_ship_says_it() -> None:
    found = metadata(read_model(FIELD / "mp_face_detection_short_range.tflite"))
    assert found == {"mean": [0.5], "std": [0.5]}
