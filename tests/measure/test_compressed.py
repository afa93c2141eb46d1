"""Download sizes: what a decoder gives back is the file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import zstandard

from edgequant.measure.compressed import compressed_bytes


def test_noise_stays_and_repetition_goes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(20_000)
    (tmp_path / "noise").write_bytes(noise)
    (tmp_path / "same").write_bytes(b"a" * 20_000)
    (tmp_path / "nothing").write_bytes(b"")
    for size in compressed_bytes(tmp_path / "noise").values():
        assert 20_000 < size < 20_100
    assert max(compressed_bytes(tmp_path / "same").values()) < 200
    assert max(compressed_bytes(tmp_path / "nothing").values()) < 64


def test_the_sizes_are_those_of_streams_that_decode(tmp_path: Path) -> None:
    content = bytes(range(256)) * 40
    (tmp_path / "file").write_bytes(content)
    found = compressed_bytes(tmp_path / "file")
    packed = gzip.compress(content, 9, mtime=0)
    assert gzip.decompress(packed) == content and len(packed) == found["gzip"]
    packed = zstandard.ZstdCompressor(level=19).compress(content)
    assert zstandard.ZstdDecompressor().decompress(packed) == content and len(packed) == found["zstd"]
