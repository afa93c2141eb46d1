"""A study's other devices: here, this machine again under another name."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgequant import api
from edgequant.core.errors import BadOption, UnknownName
from edgequant.report.sections.devices import Devices
from edgequant.study.answering.elsewhere import others
from edgequant.study.running.checks import check_names
from edgequant.study.study import check, load_study


@pytest.fixture(scope="module")
def record(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory) -> api.Run:
    """Of a study with one device that works and one that no adb server knows."""
    out = tmp_path_factory.mktemp("devices") / "run"
    works, lost = f"local:python={sys.executable}", "adb:none,server=127.0.0.1:9"
    text = [f'devices=["local", {json.dumps(works)}, {json.dumps(lost)}]', "device_images=20"]
    return api.run(str(tiny_study), out, overrides=text)


def test_each_file_has_a_record_of_each_device(record: api.Run) -> None:
    for variant in record.results["variants"]:
        there, lost = variant["devices"]
        assert (there["status"], there["n"]) == ("ok", 20) and there["latency_ms"]["p50"] > 0
        agrees = there["against_local"]
        assert agrees["top1_agreement"] == 1.0 and agrees["max_abs"] == 0.0
        assert there["machine"]["cpu"] and "before" in there["conditions"]
        assert lost["status"] == "failed" and "No adb server answers" in lost["reason"]
        assert variant["device"] == "local" and variant["conditions"]["before"]["load"] is not None


def test_a_device_that_is_lost_is_exit_status_1(record: api.Run) -> None:
    from edgequant.study.results import exit_status

    assert exit_status(record.results) == 1


def test_the_report_compares_them(record: api.Run) -> None:
    rows = Devices().rows(record)
    assert len(rows) == 1 + len(record.results["variants"]) and len({len(row) for row in rows}) == 1
    assert "was not measured: No adb server answers" in Devices().text(record).replace("\\", "")
    assert "## Devices" in (record.folder / "report.md").read_text()


def test_without_other_devices_there_is_no_section() -> None:
    assert Devices().rows(api.Run({"variants": [{"id": "a"}]}, Path())) == []
    assert Devices().text(api.Run({"variants": []}, Path())) == ""


def test_this_machine_is_always_among_them(tiny_study: Path) -> None:
    study = load_study(str(tiny_study))
    assert study.devices == ("local",) and others(study.devices) == []
    for wrong in ({"devices": ("ssh:pi",)}, {"device_images": 0}):
        with pytest.raises(BadOption, match='devices holds "local"'):
            check(replace(study, **wrong))


def test_a_device_nobody_knows_is_refused_before_any_work(tiny_study: Path) -> None:
    study = replace(load_study(str(tiny_study)), devices=("local", "usb:3"))
    with pytest.raises(UnknownName, match="No device is named 'usb'"):
        check_names(study)
