"""What a machine tells of itself, on file systems made for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgequant.host import machine as m


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Raspberry Pi's files."""
    frequency, zone = tmp_path / "cpu/cpu0/cpufreq", tmp_path / "thermal/thermal_zone0"
    for folder in (frequency, zone):
        folder.mkdir(parents=True)
    (frequency / "scaling_cur_freq").write_text("1500000\n")
    (frequency / "cpuinfo_max_freq").write_text("1800000\n")
    (frequency / "scaling_governor").write_text("ondemand\n")
    (zone / "temp").write_text("48312\n")
    (zone / "type").write_text("cpu-thermal\n")
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n")
    for name, value in (("CPUS", "cpu"), ("THERMAL", "thermal"), ("CPUINFO", "cpuinfo")):
        monkeypatch.setattr(m, name, tmp_path / value)
    return tmp_path


@pytest.mark.usefixtures("pi")
def test_clock_governor_and_temperature_are_told() -> None:
    found = m.conditions()
    assert (found["mhz"], found["max_mhz"], found["governor"]) == ({"cpu0": 1500.0}, 1800.0, "ondemand")
    assert found["celsius"] == {"thermal_zone0 cpu-thermal": 48.312}
    assert found["load"] is not None and found["load"] >= 0


@pytest.mark.usefixtures("pi")
def test_the_processor_has_its_kernels_name() -> None:
    assert m.cpu_name() == "Raspberry Pi 4 Model B Rev 1.4" == m.machine()["cpu"]


def test_a_machine_without_drivers_gives_the_clock_of_cpuinfo(pi: Path) -> None:
    (pi / "cpu/cpu0/cpufreq/scaling_cur_freq").unlink()
    (pi / "cpuinfo").write_text("model name : X\ncpu MHz : 2596.1\n\ncpu MHz : 2600.0\n")
    assert m.conditions()["mhz"] == {"cpu0": 2596.1, "cpu1": 2600.0}


def test_what_is_not_there_or_not_readable_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CPUS", "THERMAL", "CPUINFO", "STAT"):
        monkeypatch.setattr(m, name, tmp_path / "nothing")
    monkeypatch.setattr(os, "getloadavg", lambda: (_ for _ in ()).throw(OSError))
    found = m.conditions()
    told = {"mhz": {}, "max_mhz": None, "governor": None, "celsius": {}, "load": None, "busy_s": None}
    assert found.items() >= told.items() and found.keys() - told == {"cores", "clock", "own_s"}
    assert m.others(found, found) is None and m.others({}, None) is None
    assert m.cpu_name()


def test_a_sensor_that_gives_no_number_is_left_out(pi: Path) -> None:
    (pi / "thermal/thermal_zone0/temp").write_text("n/a")
    assert m.conditions()["celsius"] == {}


def test_what_others_had_of_the_cores_is_what_this_process_had_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """user, nice, system, irq, softirq and steal are work; idle, iowait and what guests had (again) are not."""
    core, hertz = min(os.sched_getaffinity(0)), os.sysconf("SC_CLK_TCK")
    monkeypatch.setattr(m, "STAT", tmp_path / "stat")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {core})

    def told(ticks: str) -> float | None:
        (tmp_path / "stat").write_text(f"cpu  9 9 9 9 9 9 9 9 9 9\ncpu{core} {ticks}\nintr 1 2 3\n")
        return m.conditions()["busy_s"]  # type: ignore[no-any-return]

    assert told("1 2 4 1000 2000 8 16 32 4000 8000") == 63 / hertz
    before = {"cores": 2, "clock": 10.0, "busy_s": 5.0, "own_s": 1.0}
    after = {"cores": 2, "clock": 20.0, "busy_s": 20.0, "own_s": 6.0}
    assert m.others(before, after) == pytest.approx(0.5)  # 15 s of work, 5 of them our own, in 20 s of cores
    assert m.others(before, before) is None and m.others(before, after | {"own_s": 99.0}) == 0.0
