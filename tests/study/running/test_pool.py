"""Variants made ahead by workers: the same steps as a run makes by itself, also where a worker is killed."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from edgequant import run as run_study
from edgequant.core.errors import BadModel, BadOption, Diverged, RunFolderError, UnknownName, Unsupported, WorkerDied
from edgequant.core.progress import Silent
from edgequant.store.code import source_hash
from edgequant.store.folder import RunFolder
from edgequant.study.answering.finished import finish
from edgequant.study.bench import Bench
from edgequant.study.networks.network import prepare
from edgequant.study.plan import Variant, plan_variants
from edgequant.study.prepared import Prepared
from edgequant.study.running import ahead as pool
from edgequant.study.running.checks import check_names
from edgequant.study.study import Calibration, NetworkSpec, Study, check

STUDY = Study(
    name="pooled",
    recipes=("float32", "w8a8", "w4a8", "w3a3"),  # litert has no kernels for the last
    calibration=(Calibration(n=100),),
    network=(NetworkSpec("micro_cnn", "digits", weights="random"),),
    quick=64,
    workers=2,
)
Networks = list[tuple[NetworkSpec, Prepared]]


def planned(bench: Bench) -> tuple[Networks, list[Variant]]:
    networks = [(spec, prepare(bench, spec)) for spec in bench.study.network]
    return networks, plan_variants(bench.study, networks)


def kept(run: RunFolder) -> dict[str, Any]:
    """What every step returned and wrote, but for what was measured in time and memory."""
    found = {}
    for path in run.steps.glob("[!.]*/value.json"):
        record = json.loads(path.read_text())
        record["value"].pop("seconds", None)
        if record["name"] == "memory":
            assert record.pop("value")["bytes"] > 0
        found[path.parent.name] = record
    return found


def begun(steps: Path, name: str) -> list[Path]:
    return [path for path in steps.iterdir() if path.name.startswith(name)] if steps.exists() else []


class Killer(threading.Thread):
    """Kills one process of this one's whose command line has `word`, as soon as `holds`; until `stop`ped."""

    def __init__(self, word: str, holds: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.killed: list[int] = []
        self._word, self._holds, self._over = word, holds, threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.002) and not self.killed:
            if self._holds():
                self._kill()

    def _kill(self) -> None:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if not self.killed and any(self._word in part for part in process.cmdline()):
                    process.kill()
                    self.killed.append(process.pid)

    def stop(self) -> None:
        self._over.set()
        self.join()


def test_two_workers_one_of_them_killed_make_what_one_process_makes(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "pool") as run:
        bench = Bench(STUDY, run)
        networks, variants = planned(bench)
        killer = Killer("edgequant.pools.worker", lambda: begun(run.steps, ".tmp-variant-"))
        assert pool.make_ahead(bench, networks, variants) == {}
        killer.stop()
        pooled = kept(run)
        assert killer.killed and not list(run.steps.glob(".*"))
    with RunFolder(tmp_path / "alone") as run:
        bench = Bench(STUDY, run)
        networks, variants = planned(bench)
        alone = Bench(dataclasses.replace(STUDY, workers=1), run)
        assert pool.make_ahead(alone, networks, variants) == {}
        assert not list(run.steps.iterdir()), "one worker is the run itself"
        statuses = [finish(bench, variant)[0].status for variant in variants]
        assert statuses == ["ok", "ok", "ok", "unsupported"]
        assert kept(run) == pooled


def test_what_workers_could_not_make_is_a_failed_variant(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        bench = Bench(STUDY, run)
        record, done = finish(bench, planned(bench)[1][0], WorkerDied("killed, twice"))
        assert (record.status, record.reason, done) == ("failed", "killed, twice", None)
        assert not list(run.steps.iterdir()), "nobody tries again"


def test_a_full_disk_ends_the_run_and_what_is_unsupported_is_left_to_it() -> None:
    diverged = Diverged("loss is NaN")
    ended = {"a": None, "b": Unsupported("no kernel"), "c": diverged}
    assert pool._failed(ended) == {"c": diverged}
    with pytest.raises(RunFolderError, match="disk full"):
        pool._failed(ended | {"d": RunFolderError("disk full")})


@pytest.fixture
def asked(tmp_path: Path) -> pool.Asked:
    """The float32 of the study, without its run."""
    return pool.Asked(
        tmp_path, "", STUDY, STUDY.network[0], False, "", "litert-float32", "float32", "litert", Calibration(n=100), 1,
        Path.cwd(), source_hash(), {},
    )  # fmt: skip


def test_a_network_that_comes_out_otherwise_in_a_worker_is_refused(tmp_path: Path, asked: pool.Asked) -> None:
    with RunFolder(tmp_path) as run, run.shared() as token, pytest.raises(BadModel, match="--workers 1"):
        pool.make_one(dataclasses.replace(asked, token=token, network="another"), Silent())


def test_a_worker_of_another_version_is_refused(asked: pool.Asked) -> None:
    with pytest.raises(BadOption, match="another edgequant than the run"):
        pool.make_one(dataclasses.replace(asked, code="older"), Silent())


def test_a_worker_prepares_a_network_once_for_many_variants(
    tmp_path: Path, asked: pool.Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = object.__new__(Prepared)
    object.__setattr__(network, "key", "k")
    calls: list[NetworkSpec] = []
    monkeypatch.setattr(pool, "prepare", lambda _, spec: calls.append(spec) or network)
    monkeypatch.setattr(pool, "_prepared", [])
    other = dataclasses.replace(asked.spec, name="other")
    with RunFolder(tmp_path) as run:
        for spec in (asked.spec, asked.spec, other, asked.spec):
            found = pool._network(Bench(STUDY, run), dataclasses.replace(asked, network="k", spec=spec))
            assert found is network
    assert calls == [asked.spec, other, asked.spec], "and holds one at a time"


def test_the_number_of_workers_and_the_pool_are_checked_before_any_work() -> None:
    with pytest.raises(BadOption, match=r"workers must be at least 1\. Got 0"):
        check(dataclasses.replace(STUDY, workers=0))
    with pytest.raises(UnknownName, match=r"No pool is named 'rai'\. Did you mean 'ray'"):
        check_names(dataclasses.replace(STUDY, pool="rai"))


SIXTEEN = """
title = "sixteen"
recipes = ["float32", "float16", "dynamic-w8", "w8", "w8a8", "w4a8", "w8a16", "w8a8+bias_correct"]
targets = ["litert", "onnxruntime"]
max_drop = -100.0  # no file is recommended by its latency, which no two runs share
calibration = [{ n = 100 }]
network = [{ model = "micro_cnn", data = "digits", train = { epochs = 2, batch = 64, augment = [] } }]
"""
TIMED = ("latency_ms", "latency_ms_all_threads", "eager_latency_ms", "peak_memory_bytes", "seconds", "conditions")


def results(folder: Path) -> dict[str, Any]:
    """results.json without what was measured in time and memory, and who did the work."""
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    for key in ("workers", "pool"):
        del found["study"][key]
    del found["environment"]
    for variant in found["variants"]:
        for key in TIMED:
            variant.pop(key, None)  # what no runtime runs has no conditions
    return found


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_sixteen_variants_on_ray_one_worker_killed_are_those_of_the_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="pip install 'edgequant[ray]'")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    study, ray, here = tmp_path / "sixteen.toml", tmp_path / "ray", tmp_path / "pool"
    study.write_text(SIXTEEN)
    killer = Killer("ray::gathered", lambda: len(begun(ray / "steps", "evaluate-")) >= 5)
    run_study(str(study), ray, overrides=["workers=2", "pool=ray"])
    killer.stop()
    run_study(str(study), here, overrides=["workers=2"])
    assert killer.killed and len(results(ray)["variants"]) == 16
    assert results(ray) == results(here)
