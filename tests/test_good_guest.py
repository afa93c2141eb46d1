"""The public entries as guests of a program: its seeds, types, devices, threads and forks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import edgequant
from edgequant import api
from edgequant.core.errors import EdgequantError
from edgequant.core.image import InputSpec
from edgequant.core.progress import AbstractProgress
from edgequant.files import files
from edgequant.study.study import Calibration
from guest_snapshot import differences, snapshot
from stated import RAW, taught

FEW = {"calibration": Calibration(n=100), "quick": 20, **RAW}


def arrays() -> tuple[Any, Any]:
    """(200, 8, 8, 1) uint8 whose brightness tells the class, and (200,) labels."""
    labels = np.arange(200) % 4
    noise = np.random.default_rng(0).integers(0, 64, (200, 8, 8, 1))
    return (noise + labels[:, None, None, None] * 60).astype(np.uint8), labels


with torch.random.fork_rng():
    torch.manual_seed(0)
    NETWORK = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 4))
    taught(NETWORK, *arrays(), InputSpec(1, 8, 8))


def made(out: Path, recipe: str = "w8a8") -> api.Result:
    return edgequant.quantize(NETWORK, arrays(), recipe, out=out, **FEW)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> api.Result:
    return made(tmp_path_factory.mktemp("guest") / "usual")


def same(result: api.Result, other: api.Result) -> bool:
    return [v["sha256"] for v in result.run.results["variants"]] == [v["sha256"] for v in other.run.results["variants"]]


@pytest.mark.parametrize("recipe", ["w8a8+qat:epochs=1+distill", "w4a8-all+adaround:iterations=5"])
def test_a_run_changes_nothing_of_its_callers(recipe: str, usual: api.Result, tmp_path: Path) -> None:
    before = snapshot()
    result = made(tmp_path / "out", recipe)
    assert differences(before) == []
    assert result.run.results["variants"][0]["sha256"] == usual.run.results["variants"][0]["sha256"]


ENTRIES: dict[str, Callable[[Path, Path], object]] = {
    "run": lambda out, _: api.run("micro", out, overrides=["quick=nothing"]),
    "sweep": lambda out, _: api.sweep(api.AskedSweep("micro_cnn", data="digits"), out),
    "sensitivity": lambda out, _: api.sensitivity(api.AskedSensitivity("micro_cnn", data="digits"), out),
    "search": lambda out, _: api.search(api.AskedSearch("micro_cnn", data="digits"), out),
    "quantize": lambda out, _: edgequant.quantize("micro_cnn", "digits", out=out),
    "advise": lambda out, _: api.advise("nothing", out),
    "train": lambda out, _: api.train("nothing", out),
    "report": lambda out, _: api.report(out),
    "evaluate": lambda _, file: files.evaluate_file(file, "nothing"),
    "parity": lambda _, file: files.parity_file(file, "nothing", 5),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_nor_does_one_that_is_refused(entry: str, usual: api.Result, tmp_path: Path) -> None:
    before = snapshot()
    assert usual.file is not None
    with pytest.raises(EdgequantError):
        ENTRIES[entry](tmp_path / "out", usual.file)
    assert differences(before) == []


def test_nor_does_one_that_is_stopped(tmp_path: Path) -> None:
    class Stop(AbstractProgress):
        def task(self, text: str) -> Any:  # noqa: ARG002
            raise KeyboardInterrupt

        def say(self, text: str) -> None:
            pass

    before = snapshot()
    with pytest.raises(KeyboardInterrupt):
        edgequant.quantize(NETWORK, arrays(), out=tmp_path / "out", progress=Stop(), **FEW)  # type: ignore[arg-type]
    assert differences(before) == []


@contextmanager
def defaults() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "blocks",
    [(defaults, torch.no_grad, lambda: torch.autocast("cpu")), (torch.inference_mode, lambda: torch.device("meta"))],
    ids=["defaults", "blocks"],
)
def test_what_the_caller_has_set_changes_no_file(blocks: Any, usual: api.Result, tmp_path: Path) -> None:
    with ExitStack() as stack:
        for block in blocks:
            stack.enter_context(block())
        before = snapshot()
        assert same(made(tmp_path / "out"), usual)
        assert differences(before) == []


def test_nor_do_the_themes_of_its_charts(usual: api.Result, tmp_path: Path) -> None:
    import altair

    with altair.theme.enable("dark"), altair.data_transformers.enable("json"):
        again = api.report(usual.run.folder)
        themes = altair.theme.active, altair.data_transformers.active
    assert themes == ("dark", "json") and not list(tmp_path.parent.glob("altair-data-*"))
    drawn = next(path for path in again if path.suffix == ".svg")
    before = drawn.read_bytes()
    api.report(usual.run.folder)
    assert drawn.read_bytes() == before


def test_three_threads_make_what_one_makes(usual: api.Result, tmp_path: Path) -> None:
    found: dict[int, api.Result] = {}

    def work(number: int) -> None:
        found[number] = made(tmp_path / str(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and all(same(result, usual) for result in found.values())


def test_a_process_forked_after_a_run_makes_the_same(python: Callable[..., str], tmp_path: Path) -> None:
    code = (
        "import multiprocessing, sys, edgequant\n"
        "def made(out):\n"
        "    found = edgequant.quantize('micro_cnn:width=0.5', 'digits', weights='random', out=out, quick=20)\n"
        "    print(found.measurements['sha256'], flush=True)\n"
        "made(sys.argv[1] + '/parent')\n"
        "child = multiprocessing.get_context('fork').Process(target=made, args=(sys.argv[1] + '/child',))\n"
        "child.start(); child.join(120); print(child.exitcode)\n"
        "child.kill()\n"
    )
    parent, child, status = python(code, str(tmp_path)).splitlines()
    assert parent == child and status == "0"
