"""Names, specs and options, on components of the test's own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any, final

import pytest

from edgequant.calibrate.calibrator import AbstractCalibrator, AbstractObserver
from edgequant.core.errors import BadOption, UnknownName
from edgequant.core.registry import Registry, first_option, parse, unknown


@final
@dataclass(frozen=True)
class Toy(AbstractCalibrator):
    path: str = ""
    width: float = 1.0
    depth: int | None = None
    deep: bool = False

    def observer(self) -> AbstractObserver:
        raise NotImplementedError


@final
@dataclass(frozen=True)
class Plain(AbstractCalibrator):
    def observer(self) -> AbstractObserver:
        raise NotImplementedError


TOYS: Registry[Any] = Registry(
    "edgequant.calibrate.calibrator:AbstractCalibrator",
    "toy",
    {
        "toy": (f"{__name__}:Toy", "has options"),
        "plain": (f"{__name__}:Plain", "has none"),
        "absent": ("edgequant.nowhere:Absent", "cannot be imported"),
        "renamed": (f"{__name__}:Gone", "has left its file"),
    },
)


def test_a_registry_lists_its_names_without_importing() -> None:
    assert list(TOYS) == ["toy", "plain", "absent", "renamed"]
    assert "toy" in TOYS and "tree" not in TOYS
    assert TOYS.summary("absent") == "cannot be imported"


def test_the_kind_is_the_abstract_class() -> None:
    assert TOYS.kind is AbstractCalibrator


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("toy", Toy()),
        ("toy:", Toy()),
        ("toy:/photos", Toy("/photos")),
        ("toy:path=/photos", Toy("/photos")),
        ("toy:/photos,width=0.5,depth=3,deep=true", Toy("/photos", 0.5, 3, True)),
        ("toy:width=2", Toy(width=2.0)),
        ("toy:depth=none", Toy(depth=None)),
        ("toy:depth=", Toy(depth=None)),
        ("toy:C:/photos", Toy("C:/photos")),
        ("plain", Plain()),
        (f"{__name__}.Toy:width=0.5", Toy(width=0.5)),
    ],
)
def test_a_spec_builds_its_component(spec: str, expected: Any) -> None:
    assert TOYS.build(spec) == expected


def test_a_component_comes_back_as_it_is() -> None:
    toy = Toy("x")
    assert TOYS.build(toy) is toy


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match=r"No toy is named 'tooy'\. Did you mean 'toy'\? Known: toy, plain"):
        TOYS.build("tooy")


def test_a_name_like_no_other_gets_no_hint() -> None:
    assert unknown("toy", "zzz", ["toy"]) == "No toy is named 'zzz'. Known: toy."


@pytest.mark.parametrize("spec", ["absent", "renamed", "edgequant.nowhere.Thing", f"{__name__}.Nothing"])
def test_what_cannot_be_imported_is_one_line(spec: str) -> None:
    with pytest.raises(UnknownName, match="could not be imported") as caught:
        TOYS.get(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ("toy:height=3", r"The toy 'toy' has no option 'height'\. Its options: path, width, depth, deep\. Write toy:"),
        ("plain:3", "has no option '3'. Its options: none"),
        ("toy:width=wide", "Expected float for the toy 'toy', option 'width'. Got 'wide'"),
        ("toy:depth=1.5", "Expected int or none .* Got '1.5'"),
        ("toy:depth=true", "Expected int or none"),
        ("toy:deep=1", "Expected bool"),
        ("toy:width=__import__('os')", "Expected float"),
    ],
)
def test_a_wrong_option_is_refused(spec: str, what: str) -> None:
    with pytest.raises(BadOption, match=what):
        TOYS.build(spec)


def test_options_and_their_defaults_are_text() -> None:
    assert TOYS.options("toy") == {"path": "''", "width": "1.0", "depth": "None", "deep": "False"}


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("3", int, 3),
        ("3", float, 3.0),
        ("1e-3", float, 0.001),
        ("-2", int, -2),
        ("TRUE", bool, True),
        ("false", bool, False),
        ("0", int | None, 0),
        ("None", int | None, None),
        ("none", str, "none"),
        ("3", str, "3"),
        ("0.5", int | float, 0.5),
    ],
)
def test_parse(text: str, kind: Any, expected: Any) -> None:
    value = parse(text, kind, "here")
    assert value == expected and type(value) is type(expected)


def test_the_catalog_imports_no_component() -> None:
    code = "import sys, edgequant.catalog; sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'onnxruntime')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["math.pi", "os.path", "builtins.dict"])
def test_what_is_no_component_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="is no toy"):
        TOYS.get(name)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("toy:/photos, old/2024,width=3", "/photos, old/2024"),
        ("toy:a,b,,c,width=3", "a,b,,c"),
        ("toy:path=a,b,width=3", "a,b"),
        ("toy:a,b=c/d,width=3", None),
    ],
)
def test_what_has_no_name_continues_the_option_before_it(spec: str, path: str | None) -> None:
    if path is None:  # a name with an equals sign reads as an option, and is refused as one
        with pytest.raises(BadOption, match="has no option 'b'"):
            TOYS.build(spec)
        return
    assert (TOYS.build(spec).path, TOYS.build(spec).width) == (path, 3.0)
    assert first_option("net.py:make,mean=0.1,0.2,size=3") == "net.py:make" and first_option("") == ""
