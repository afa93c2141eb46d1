"""Any file that edgequant reads may be damaged in any way: it is read, or refused in one line. Nothing else happens."""

from __future__ import annotations

import copy
from typing import Any

import damage
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from reader_client import Reader

RECIPES = ("float32", "w8a8", "w4a8", "dynamic-w8")
# (reader, file, examples every day): few where reading takes long
CASES = (
    *(("arrays", name, 16) for name in ("arrays.npz", "packed.npz")),
    ("cifar", "batch.cifar", 16),
    ("cifar_names", "meta.cifar", 16),
    ("idx", "images.idx", 16),
    *(("image", f"image.{suffix}", 8) for suffix in ("png", "jpg", "gif", "webp", "tif", "bmp", "ppm")),
    ("recipe", "recipe.toml", 24),
    ("study", "study.toml", 24),
    ("synsets", "synsets.txt", 8),
    ("value", "value.json", 8),
    ("compare", "results.json", 16),
    ("compare_new", "results.json", 16),
    ("advise", "results.json", 8),
    ("report", "results.json", 1),
    ("weights", "weights.pt", 16),
    ("weights", "weights.safetensors", 16),
    ("start", "net.pt2", 4),
    ("start", "net.keras", 4),
    ("start", "net.h5", 4),
    ("start", "float32.tflite", 12),
    ("start", "float32.onnx", 4),
    ("parity", "w8a8.tflite", 1),
    *(
        (how, f"{recipe}.{suffix}", 12)
        for recipe in RECIPES
        for suffix in ("tflite", "onnx")
        for how in ("inspect", "run")
    ),
)
SOAK = 100  # times as many examples
QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)
TEXTS = (".toml", ".json", ".txt")


def damaged(data: st.DataObject, name: str, content: bytes) -> bytes:
    """The file's content, changed in a way that hypothesis chooses."""
    text = name.endswith(TEXTS)
    if name.endswith(".json") and data.draw(st.integers(0, 3)):
        value = copy.deepcopy(data.draw(st.sampled_from(damage.VALUES)))
        return damage.other_json(content, data.draw(damage.PLACES), value, data.draw(st.booleans()))
    changes = data.draw(damage.edits(text))
    if name.endswith(damage.ZIPPED) and data.draw(st.booleans()):
        return damage.repacked(content, data.draw(damage.PLACES), changes)
    return damage.damaged(content, changes)


def fuzz(reader: Reader, how: str, name: str, examples: int, **options: Any) -> None:
    content = (reader.good / name).read_bytes()
    assert reader.read_bytes(how, name, content) == ("read", "")

    @settings(
        max_examples=examples, database=None, suppress_health_check=QUIET,
        phases=(Phase.generate, Phase.shrink), **options,
    )  # fmt: skip
    @given(st.data())
    def one(data: st.DataObject) -> None:
        kind, said = reader.read_bytes(how, name, damaged(data, name, content))
        if how == "run" and kind in ("died", "hung"):  # the runtime; who opens a file lets another process try it
            kind, said = reader.read("tried", reader.work / name)
        assert kind in ("read", "refused"), said
        assert (kind == "read") == (not said.strip())

    one()


@pytest.mark.parametrize(("how", "name", "examples"), CASES)
def test_a_damaged_file_is_read_or_refused(reader: Reader, how: str, name: str, examples: int) -> None:
    fuzz(reader, how, name, examples, derandomize=True)


@pytest.mark.soak
@pytest.mark.parametrize(("how", "name", "examples"), CASES)
def test_a_damaged_file_is_read_or_refused_whatever_the_damage(
    reader: Reader, how: str, name: str, examples: int
) -> None:
    fuzz(reader, how, name, SOAK * examples)
