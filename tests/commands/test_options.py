"""What groups of options make of the words."""

from __future__ import annotations

from edgequant.commands.options import Pixels, Where
from edgequant.core.pixels import Stated


def test_pixels_are_what_was_stated_of_them() -> None:
    assert not Pixels().stated
    assert Pixels("32", "0.5", "", "bgr", "crop").stated == Stated("32", "0.5", "", "bgr", "crop")


def test_no_override_is_an_empty_list() -> None:
    assert Where().overrides == [] and Where(None, ["seed=1"]).overrides == ["seed=1"]
