"""Small sets in the official formats, and the folder of real data where there is one."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def no_data_but_the_tests_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing here may find, or write to, the data of whoever runs the tests; nor ask a proxy for 127.0.0.1."""
    monkeypatch.delenv("EDGEQUANT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


REAL = os.environ.get("EDGEQUANT_DATA", "")


@pytest.fixture
def real() -> Callable[[str], str]:
    """The root of the real data, if it holds the folder that is asked for; else the test is skipped."""

    def find(folder: str) -> str:
        if not REAL or not (Path(REAL) / folder).is_dir():
            pytest.skip(f"EDGEQUANT_DATA has no {folder}")
        return REAL

    return find


def idx_bytes(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def idx() -> Callable[[np.ndarray], bytes]:
    return idx_bytes


@pytest.fixture
def mnist_folder(tmp_path: Path) -> Path:
    """600 + 100 images; the training files gzipped, the test files raw."""
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", 600), ("t10k", 100)):
        images = rng.integers(0, 256, (n, 28, 28), np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", np.arange(n, dtype=np.uint8) % 10)):
            name, content = f"{part}-{kind}-ubyte", idx_bytes(array)
            if part == "train":
                (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
            else:
                (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def cifar_folder(tmp_path: Path) -> Path:
    """CIFAR-10 in the official layout, 20 images a batch."""
    folder = tmp_path / "data" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        batch = {b"data": rng.integers(0, 256, (20, 3072), np.uint8), b"labels": [k % 10 for k in range(20)]}
        (folder / name).write_bytes(pickle.dumps(batch, 4))
    meta = {b"label_names": [f"class {k}".encode() for k in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, 4))
    return folder


@pytest.fixture
def photo() -> Callable[..., Path]:
    """Write one image file of random pixels and return its path."""

    def write(path: Path, size: tuple[int, int] = (12, 10), seed: int = 0, **options: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(path, **options)
        return path

    return write
