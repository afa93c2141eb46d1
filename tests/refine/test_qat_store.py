from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from edgequant.core.errors import BadFile
from edgequant.refine import store as qat_store
from qat_samples import pixels, trained
from refine_samples import reference_of


def test_a_file_that_is_damaged_or_not_ours_is_refused(tmp_path: Path) -> None:
    reference = reference_of(trained(), "w8a8", pixels=pixels())
    path = tmp_path / "learned.safetensors"
    with pytest.raises(BadFile, match="cannot be read"):
        qat_store.load(path, reference)
    qat_store.save(path, reference)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadFile, match="cannot be read"):
        qat_store.load(path, reference)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(BadFile, match="is no trained state"):
        qat_store.load(path, reference)


def test_the_fingerprint_is_of_all_that_a_training_starts_from() -> None:
    found = {qat_store.fingerprint(reference_of(trained(), r, pixels=pixels())) for r in ("w8a8", "w4a8", "w8a7", "w8")}
    assert len(found) == 4
    one = reference_of(trained(), "w8a8", pixels=pixels())
    assert qat_store.fingerprint(one) == qat_store.fingerprint(reference_of(trained(), "w8a8", pixels=pixels()))
