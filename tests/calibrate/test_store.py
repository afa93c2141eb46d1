import pytest
import torch
from safetensors.torch import save_file

from edgequant import catalog
from edgequant.calibrate.entropy import Entropy
from edgequant.calibrate.minmax import MinMax
from edgequant.calibrate.mse import MSE
from edgequant.calibrate.percentile import Percentile
from edgequant.calibrate.store import load, save
from edgequant.core.errors import BadFile

CALIBRATORS = [catalog.CALIBRATORS.build(name) for name in catalog.CALIBRATORS]
NAMES = ("input", "features/0.conv", "output")  # a slash in a name is harmless


def observers(calibrator):
    made = {name: calibrator.observer() for name in NAMES}
    for seed, observer in enumerate(made.values()):
        observer.update(torch.randn(500, generator=torch.Generator().manual_seed(seed)))
    return made


@pytest.mark.parametrize("calibrator", CALIBRATORS, ids=lambda c: type(c).__name__)
def test_what_is_saved_is_what_is_loaded(calibrator, tmp_path):
    saved = observers(calibrator)
    save(tmp_path / "statistics.safetensors", saved)
    loaded = load(tmp_path / "statistics.safetensors", calibrator)
    assert list(loaded) == sorted(NAMES)
    assert {n: o.range(8, False) for n, o in loaded.items()} == {n: o.range(8, False) for n, o in saved.items()}
    assert [p.name for p in tmp_path.iterdir()] == ["statistics.safetensors"]


def test_a_saved_histogram_serves_the_other_rules_and_min_max(tmp_path):
    save(tmp_path / "s", observers(Percentile()))
    for calibrator in (MSE(), Entropy(), Percentile(99.0), MinMax()):
        loaded = load(tmp_path / "s", calibrator)
        assert loaded["output"].range(8, True) == observers(calibrator)["output"].range(8, True)


def test_extremes_do_not_make_a_histogram(tmp_path):
    save(tmp_path / "s", observers(MinMax()))
    with pytest.raises(BadFile, match="no histogram"):
        load(tmp_path / "s", MSE())


def test_a_missing_or_damaged_file_is_refused(tmp_path):
    with pytest.raises(BadFile, match="cannot be read"):
        load(tmp_path / "none", MinMax())
    save(tmp_path / "s", observers(MSE()))
    (tmp_path / "s").write_bytes((tmp_path / "s").read_bytes()[:-10])
    with pytest.raises(BadFile, match="cannot be read"):
        load(tmp_path / "s", MinMax())


def test_a_file_of_something_else_is_refused(tmp_path):
    save_file({"weight": torch.ones(1)}, tmp_path / "s")
    with pytest.raises(BadFile, match="no file of calibration statistics"):
        load(tmp_path / "s", MinMax())
