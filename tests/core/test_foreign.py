"""What a reader raises on a damaged file is one line; archives are looked into before they are unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgequant.core import foreign as module
from edgequant.core.errors import BadData, BadFile, BadOption, out_of_memory
from edgequant.core.foreign import check_archive_size, foreign, reads, said
from edgequant.core.preprocess import from_pixel_record


@pytest.mark.parametrize("error", [ValueError("a\nb."), RecursionError("deep"), MemoryError(), KeyError("x")])
def test_any_error_becomes_one_line_with_its_cause(error: Exception) -> None:
    with pytest.raises(BadData, match=r"x\.npz cannot be read as an array: ") as raised, foreign("x.npz", "an array", BadData):  # fmt: skip  # noqa: E501
        raise error
    assert raised.value.__cause__ is error
    assert type(error).__name__ in str(raised.value) and "\n" not in str(raised.value)


def test_an_error_of_ours_and_an_interruption_pass_as_they_are() -> None:
    for error in (BadOption("ours"), KeyboardInterrupt()):
        with pytest.raises(type(error)), foreign("x", "y"):
            raise error


def test_a_whole_function_may_be_a_reader(tmp_path: Path) -> None:
    @reads("a number")
    def number(path: Path, base: int = 10) -> int:
        return int(path.read_text(), base)

    (tmp_path / "n").write_text("ff")
    assert number(tmp_path / "n", base=16) == 255
    with pytest.raises(BadFile, match="cannot be read as a number: ValueError: invalid literal"):
        number(tmp_path / "n")


def test_what_an_error_said_is_short() -> None:
    assert said(ValueError("a  b\nc.")) == "ValueError: a b c" and said(MemoryError()) == "MemoryError"
    assert len(said(ValueError("x" * 1000))) < 200


def test_an_archive_is_measured_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1 << 20)
    for name, size in (("fair.zip", 1 << 20), ("bomb.zip", (1 << 20) + 1)):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("zeros", bytes(size))
    check_archive_size(tmp_path / "fair.zip")
    with pytest.raises(BadFile, match=r"would unpack to 1,048,577\. Expected at most 1,048,576"):
        check_archive_size(tmp_path / "bomb.zip")
    (tmp_path / "torn.zip").write_bytes((tmp_path / "bomb.zip").read_bytes()[:-30])
    check_archive_size(tmp_path / "torn.zip")  # its reader refuses it


def test_memory_is_told_from_other_errors() -> None:
    assert out_of_memory(MemoryError()) and out_of_memory(RuntimeError("std::bad_alloc"))
    assert not out_of_memory(RuntimeError("sizes do not match"))


PIXELS = {"mean": [0.5], "std": [0.25], "resize": 9, "interpolation": "bicubic", "antialias": False}


def test_a_record_of_pixels_comes_back() -> None:
    found = from_pixel_record((3, 8, 8), PIXELS)
    assert (found.shape, found.mean, found.std, found.resize) == ((3, 8, 8), (0.5,), (0.25,), 9)
    assert (found.interpolation, found.antialias) == ("bicubic", False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": [0.5, 0.5]}, {"mean": None}, {"mean": ["a"]}, {"std": [0.0]}, {"std": [float("nan")]}, {"std": []},
        {"resize": 0}, {"resize": "9"}, {"interpolation": "nearest"},
    ],
)  # fmt: skip
def test_a_record_of_pixels_that_no_image_has_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        from_pixel_record((3, 8, 8), PIXELS | wrong)
    for shape in ((3, 0, 8), (3, 8, 1 << 20), (3, 8, 8.5)):
        with pytest.raises(ValueError, match="pixels; expected 1 to"):
            from_pixel_record(shape, PIXELS)  # type: ignore[arg-type]
