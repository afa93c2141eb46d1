"""Outputs as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgequant.store.outputs import load_outputs, save_outputs


def test_outputs_are_read_back_by_their_names_whatever_these_are(tmp_path: Path) -> None:
    outputs = {"file": np.arange(6, dtype=np.int8).reshape(2, 3), "head/box:0": np.zeros((2, 0), np.float32)}
    for name in ("first", "second"):
        save_outputs(tmp_path / f"{name}.npz", outputs)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    found = load_outputs(tmp_path / "first.npz")
    assert list(found) == list(outputs)
    for name, values in outputs.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)
