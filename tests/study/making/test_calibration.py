"""Statistics are collected once for a network, and come back as they were."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from edgequant.calibrate.calibrator import AbstractCalibrator, AbstractObserver
from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMaxObserver
from edgequant.catalog import CALIBRATORS
from edgequant.core.progress import AbstractProgress, Silent, Tick
from edgequant.quantization.build import observable
from edgequant.refine.equalize import Equalize
from edgequant.store.folder import RunFolder
from edgequant.study.making import calibration
from edgequant.study.making.calibration import checked, statistics
from edgequant.study.networks.network import prepare
from edgequant.study.prepared import Prepared
from edgequant.study.study import Calibration, NetworkSpec
from pipeline_samples import bench


@dataclasses.dataclass(frozen=True)
class Forgetful(AbstractCalibrator):
    """A user's own, which cannot restore what its observers saw."""

    def observer(self) -> AbstractObserver:
        return MinMaxObserver()


@pytest.fixture
def folder(tmp_path: Path):
    with RunFolder(tmp_path / "run") as run:
        yield run


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    with RunFolder(tmp_path_factory.mktemp("network")) as run:
        return prepare(bench(run), NetworkSpec("micro_cnn", "digits", weights="random"))


def seen(network: Prepared, run: RunFolder, method: str, captured=None):
    ticks: list[int] = []
    given = captured or network.captured
    asked = Calibration(method, 120)
    found, seconds = statistics(bench(run), network, asked, given, lambda n, _: ticks.append(n))
    assert seconds > 0 and set(found) == set(observable(given.program))
    return found, ticks


@pytest.mark.parametrize("method", ["minmax", "moving_average", "percentile:q=99.9", "mse", "entropy"])
def test_the_second_time_nothing_runs_and_every_range_is_the_same(method: str, network: Prepared, folder: RunFolder):
    first, ran = seen(network, folder, method)
    again, rested = seen(network, folder, method)
    assert ran == [50, 100, 120] and rested == []
    drawn = bench(folder).drawn(network, Calibration(method, 120))
    batches = (batch for batch, _ in drawn.batches(calibration.BATCH))
    plain = collect(network.captured, batches, CALIBRATORS.build(method), observable(network.captured.program))
    for name, observer in list(plain.items())[:4]:
        for bits, symmetric in ((4, False), (16, True)):
            wanted = observer.range(bits, symmetric)
            assert first[name].range(bits, symmetric) == again[name].range(bits, symmetric) == wanted


def test_a_calibrator_that_cannot_restore_runs_each_time(network: Prepared, folder: RunFolder):
    method = f"{__name__}.Forgetful"
    assert [seen(network, folder, method)[1] for _ in range(2)] == [[50, 100, 120]] * 2
    assert not list(folder.steps.iterdir())


def test_what_changes_the_network_before_calibration_has_statistics_of_its_own(network: Prepared, folder: RunFolder):
    seen(network, folder, "minmax")
    equal = Equalize().network(network.captured)
    assert equal is not network.captured
    _, ran = seen(network, folder, "minmax", equal)
    assert ran and len(list(folder.steps.iterdir())) == 2
    _, rested = seen(network, folder, "minmax", Equalize().network(network.captured))
    assert rested == [], "and they are known by what the network is, not by who made it"


class Said(AbstractProgress):
    """What was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def task(self, text: str) -> AbstractContextManager[Tick]:
        return Silent().task(text)

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_the_checks_are_made_and_said_once_for_a_network_and_its_draw(network: Prepared, folder: RunFolder) -> None:
    said = Said()
    for method in ("minmax", "mse"):  # two variants of one draw
        found = checked(bench(folder, said), network, Calibration(method, 120))
    few = "  note: Calibration images, images: 120; wanted: at least 300."
    assert said.lines == [few] and [check["name"] for check in found if not check["met"]] == ["images"]
    names = [check["name"] for check in found]
    assert names[-3:] == ["domain match", "pixels as validation's", "no augmentation"]
    checked(bench(folder, said), network, Calibration("minmax", 120, seed=1))
    assert said.lines == [few, few], "another draw is another check"
