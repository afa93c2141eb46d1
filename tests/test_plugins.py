"""Adding a data set, a calibrator, a target, a report section: one file and one line of the catalog.

Each is written here as a user would, in a folder that is no part of the package; the line is added to the table
by which the catalog knows it. Then one small study names all four.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgequant import api, catalog
from edgequant.store.run import Run
from edgequant.study.study import Calibration, NetworkSpec, Study

FILES = {
    "shop_stripes": '''
"""A data set: stripes across or along, with noise."""

from dataclasses import dataclass
from typing import final

import numpy as np

from edgequant.data.dataset import AbstractDataset
from edgequant.data.classes.arrays import from_arrays


@final
@dataclass(frozen=True)
class Stripes(AbstractDataset):
    """`n` images of 8x8 pixels."""

    n: int = 300

    def image_shape(self):
        return (1, 8, 8)

    def load(self, inputs):
        rng = np.random.default_rng(0)
        labels = np.arange(self.n) % 2
        across = np.tile(np.array([0, 150], np.uint8)[np.arange(8) % 2], (8, 1))
        images = np.stack([across if label else across.T for label in labels])[..., None]
        return from_arrays((images + rng.integers(0, 100, images.shape)).astype(np.uint8), labels, ("along", "across"))
''',
    "shop_halved": '''
"""A calibrator: half of what was seen, so that every large value is clipped."""

from dataclasses import dataclass, field
from typing import final

from edgequant.calibrate.calibrator import AbstractCalibrator, AbstractObserver


@dataclass
class Observer(AbstractObserver):
    factor: float
    low: float = 0.0
    high: float = 0.0

    def update(self, values):
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    def range(self, bits, symmetric):
        return self.factor * self.low, self.factor * self.high


@final
@dataclass(frozen=True)
class Halved(AbstractCalibrator):
    """A fraction of the range."""

    factor: float = 0.5

    def observer(self):
        return Observer(self.factor)
''',
    "shop_crate": '''
"""A target: LiteRT's file behind a header of its own, as a vendor's container."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from edgequant.backends.litert.backend import LiteRT
from edgequant.core.errors import BadFile
from edgequant.store.artifact import write_artifact
from edgequant.backends.contract import AbstractBackend
from edgequant.recipe.scheme import Capability

HEADER = b"CRATE1"


def unpack(path):
    """A .tflite of the content, where LiteRT finds the names beside it."""
    data = path.read_bytes()
    if not data.startswith(HEADER):
        raise BadFile(f"{path} is no crate. Expected {HEADER!r} at its start.")
    plain = Path(tempfile.mkdtemp()) / f"{path.stem}.tflite"
    plain.write_bytes(data[len(HEADER):])
    names = path.with_suffix(".names.json")
    if names.exists():
        (plain.parent / names.name).write_bytes(names.read_bytes())
    return plain


@final
@dataclass(frozen=True)
class Crate(AbstractBackend):
    """Only float32 and static 8-bit recipes."""

    capability: ClassVar[Capability] = Capability(
        kinds=frozenset({"float32", "static"}),
        notes={kind: "the vendor's compiler takes none" for kind in ("float16", "dynamic", "weight-only")},
        suffix=".crate",
    )

    def lower(self, reference, path):
        plain = LiteRT().lower(reference, path.with_suffix(".tflite"))
        data = plain.path.read_bytes()
        plain.path.unlink()
        return write_artifact(path, HEADER + data)

    def arithmetic(self, reference, path):
        return LiteRT().arithmetic(reference, unpack(path))

    def open(self, path, threads=1):
        return LiteRT().open(unpack(path), threads)

    def inspect(self, path):
        return LiteRT().inspect(unpack(path))

    def entry(self, path):
        return LiteRT().entry(unpack(path))

    def ending(self, path):
        return LiteRT().ending(unpack(path))
''',
    "shop_price": '''
"""A report section: what each file costs to send."""

from dataclasses import dataclass
from typing import ClassVar, final

from edgequant.report.section import AbstractSection


@final
@dataclass(frozen=True)
class Price(AbstractSection):
    """At a price per kilobyte."""

    title: ClassVar[str] = "What it costs to send"
    price: float = 2.0

    def rows(self, run):
        done = [v for v in run.results["variants"] if v["status"] == "ok"]
        return [("Variant", "Price"), *((v["id"], f"{self.price * v['bytes'] / 1000:.2f}") for v in done)]
''',
}
# The one line for each.
LINES: dict[str, tuple[Any, tuple[str, str]]] = {
    "stripes": (catalog.DATASETS, ("shop_stripes:Stripes", "stripes across or along")),
    "halved": (catalog.CALIBRATORS, ("shop_halved:Halved", "half of what was seen")),
    "crate": (catalog.BACKENDS, ("shop_crate:Crate", ".crate, run by LiteRT")),
    "price": (catalog.SECTIONS, ("shop_price:Price", "what each file costs to send")),
}
STUDY = Study(
    "shop",
    recipes=("float32", "w8a8", "w8"),
    targets=("crate",),
    calibration=(Calibration("minmax", 100), Calibration("halved:factor=0.25", 100)),
    network=(NetworkSpec("micro_cnn:width=0.5", "stripes:n=200", weights="random"),),
)


@pytest.fixture(scope="module")
def plugged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("shop")
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("TMPDIR", str(folder))  # what the crate unpacks goes with the folder
        patch.setattr(tempfile, "tempdir", str(folder))
        for name, (registry, entry) in LINES.items():
            patch.setitem(registry._entries, name, entry)
        yield
    for name in FILES:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def shop(plugged: None, tmp_path_factory: pytest.TempPathFactory) -> Run:  # noqa: ARG001 - the names are needed
    return api.run(STUDY, tmp_path_factory.mktemp("runs") / "shop")


def variant(run: Run, name: str) -> dict[str, Any]:
    return next(v for v in run.results["variants"] if v["id"] == name)


def test_the_data_set_was_loaded_by_its_name(shop: Run) -> None:
    float32 = variant(shop, "crate-float32")
    assert (float32["data"], float32["n"], float32["status"]) == ("stripes:n=200", 40, "ok")


def test_the_calibrator_set_the_ranges(shop: Run) -> None:
    ours, plain = variant(shop, "crate-w8a8-halved-factor=0.25-n100-s0"), variant(shop, "crate-w8a8")
    assert ours["calibration"] == {"method": "halved:factor=0.25", "n": 100, "seed": 0}
    scales = [output_scale(shop.folder / v["file"]) for v in (ours, plain)]
    assert 0 < scales[0] < 0.6 * scales[1]


def output_scale(path: Path) -> float:
    return catalog.BACKENDS.build("crate").open(path).only.scale


def test_the_target_wrote_a_file_that_keeps_its_promise(shop: Run) -> None:
    for name in ("crate-float32", "crate-w8a8"):
        found = variant(shop, name)
        path = shop.folder / found["file"]
        assert path.suffix == ".crate" and path.read_bytes().startswith(b"CRATE1")
        assert found["bytes"] == path.stat().st_size and found["parity"]["gate"] == "passed"
        assert found["latency_ms"]["p50"] > 0 and found["peak_memory_bytes"] > 0 and found["kernels"]["total"] > 0
    assert variant(shop, "crate-w8a8")["parity"]["exact_fraction"] == 1
    refused = variant(shop, "crate-w8")
    assert refused["status"] == "unsupported" and "the vendor's compiler takes none" in refused["reason"]


def test_its_files_are_opened_by_their_ending(shop: Run) -> None:
    from edgequant.files.files import evaluate_file, target_for

    path = shop.folder / variant(shop, "crate-w8a8")["file"]
    assert target_for(path) == "crate"
    assert evaluate_file(path, "stripes:n=200")["top1"] == variant(shop, "crate-w8a8")["top1"]


def test_the_section_stands_in_the_report(shop: Run) -> None:
    text = (shop.folder / "report.md").read_text(encoding="utf-8")
    head, _, after = text.partition("What it costs to send")
    price = 2.0 * variant(shop, "crate-w8a8")["bytes"] / 1000
    assert "Environment" in head and f"{price:.2f}" in after, "in the order of the catalog: last"
    assert "What it costs to send" in (shop.folder / "report.html").read_text(encoding="utf-8")


def test_the_command_line_knows_them(plugged: None, edgequant: Callable[..., Any]) -> None:  # noqa: ARG001
    out = edgequant("list").out
    assert all(f"  {name:22s} {summary}\n" in out for name, (_, (_, summary)) in LINES.items())
    words = ("quantize", "micro_cnn", "--data", "stripe", "--weights", "random")
    assert "Did you mean 'stripes'" in edgequant(*words).refusal


def test_without_a_line_a_component_is_named_by_its_path(plugged: None, tmp_path: Path) -> None:  # noqa: ARG001
    spec = NetworkSpec("micro_cnn:width=0.5", "shop_stripes.Stripes:n=200", weights="random")
    study = Study("paths", recipes=("float32",), targets=("shop_crate.Crate",), network=(spec,), quick=10)
    found = api.run(study, tmp_path / "out").results["variants"][0]
    assert (found["id"], found["status"], found["n"]) == ("shop_crate.Crate-float32", "ok", 10)
    assert found["peak_memory_bytes"] > 0
    assert json.loads((tmp_path / "out" / "results.json").read_text())["variants"][0]["target"] == "shop_crate.Crate"
