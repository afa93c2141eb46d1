"""What C++ writes reaches the file that `quiet` gives, and the terminal again afterwards."""

from __future__ import annotations

import os

import pytest

from edgequant.host.quiet import ERRORS, OUTPUT, quiet


def test_what_is_written_meanwhile_is_in_the_file_and_not_on_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with quiet(OUTPUT, ERRORS) as sink:
        os.write(1, b"from C++, ")
        os.write(2, b"and its errors")
        sink.seek(0)
        assert sink.read() == b"from C++, and its errors"
    os.write(1, b"back")
    assert capfd.readouterr() == ("back", "")


def test_only_the_descriptors_that_were_named(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet(ERRORS):
        os.write(1, b"seen")
        os.write(2, b"hidden")
    assert capfd.readouterr() == ("seen", "")


def test_an_error_gives_the_terminal_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), quiet(OUTPUT):
        raise RuntimeError
    os.write(1, b"back")
    assert capfd.readouterr().out == "back"
