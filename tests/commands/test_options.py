"""What groups of options make of the words."""

from __future__ import annotations

from edgequant.commands.options import Where


def test_no_override_is_an_empty_list() -> None:
    assert Where().overrides == [] and Where(None, ["seed=1"]).overrides == ["seed=1"]
