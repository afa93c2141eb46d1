"""What ran a step is in its key; a worker files its steps as the run's."""

from __future__ import annotations

import pytest
import torch

from edgequant.store import surroundings


def test_versions_processor_threads_and_switches_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    found = surroundings.measuring()
    assert found["versions"]["torch"].startswith(torch.__version__.partition("+")[0]) and found["python"]
    assert "ai-edge-litert" in found["runtimes"] and "no-such-package" not in found["versions"]
    assert found["switches"]["MKL_CBWR"] == "AVX2" and found["cores"] >= 1 and found["processor"]
    assert found["torch"]["threads"] == torch.get_num_threads()
    assert surroundings.version("no-such-package") == ""


def test_a_worker_says_what_it_was_told_but_for_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "_told", {})
    told = surroundings.all_told()
    monkeypatch.setattr(surroundings, "processor", lambda: "another")
    assert surroundings.computing()["processor"] == "another"
    surroundings.tell(told)
    monkeypatch.setattr(surroundings, "cores", lambda: 77)
    found = surroundings.measuring()
    assert found["processor"] != "another" and found["cores"] != 77
    assert found["torch"]["threads"] == torch.get_num_threads()


def test_a_package_that_is_newer_than_the_tested_ones_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not surroundings.untested()
    monkeypatch.setitem(surroundings.TESTED, "torch", "2.1")
    found = surroundings.untested()
    assert len(found) == 1 and found[0].startswith("torch 2.") and "(2.1)" in found[0]
