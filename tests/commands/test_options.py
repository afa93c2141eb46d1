"""What groups of options make of the words."""

from __future__ import annotations

import pytest

from edgequant.commands.options import Pixels, Where, numbers
from edgequant.core.errors import BadOption


def test_numbers_are_one_or_one_a_channel() -> None:
    assert numbers("") is None and numbers("0.5") == (0.5,) and numbers("0.485,0.456, 0.406") == (0.485, 0.456, 0.406)
    assert Pixels("0.5", "").numbers == ((0.5,), None)


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(BadOption, match=r"--mean and --std take numbers.*Got 'grey'"):
        numbers("grey")


def test_no_override_is_an_empty_list() -> None:
    assert Where().overrides == [] and Where(None, ["seed=1"]).overrides == ["seed=1"]
