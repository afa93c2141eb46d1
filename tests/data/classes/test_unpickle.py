from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from edgequant.core.errors import BadData
from edgequant.data.classes.unpickle import unpickle


class Hostile:
    def __reduce__(self) -> object:
        return os.mkdir, ("owned",)


def test_arrays_lists_and_bytes_are_read(tmp_path: Path) -> None:
    content = {b"data": np.arange(6, dtype=np.uint8).reshape(2, 3), b"labels": [1, 2]}
    (tmp_path / "batch").write_bytes(pickle.dumps(content, 2 + 2))
    read = unpickle(tmp_path / "batch")
    assert read[b"labels"] == [1, 2]
    assert np.array_equal(read[b"data"], content[b"data"])


def test_a_batch_as_python_2_wrote_it_is_read(tmp_path: Path) -> None:
    """Protocol 2 with the module names and byte strings of Python 2, as the official files have them."""
    text = (
        b"\x80\x02}U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x02\x07\x09tbs."
    )
    (tmp_path / "batch").write_bytes(text)
    assert unpickle(tmp_path / "batch")[b"data"].tolist() == [7, 9]


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("batch").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(BadData, match=r"batch is not a CIFAR batch: it asks for posix.mkdir"):
        unpickle(Path("batch"))
    assert not Path("owned").exists()


@pytest.mark.parametrize("cut", [0, 1, 30])
def test_a_cut_file_is_refused(tmp_path: Path, cut: int) -> None:
    whole = pickle.dumps({b"data": np.zeros((2, 3072), np.uint8)}, 4)
    (tmp_path / "batch").write_bytes(whole[:cut])
    with pytest.raises(BadData, match=r"put a fresh copy in its place"):
        unpickle(tmp_path / "batch")
