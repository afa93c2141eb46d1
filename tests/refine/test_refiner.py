"""The kinds of refiner: what each component is, and one of no kind is refused."""

from __future__ import annotations

from typing import Any

import pytest

from edgequant.catalog import REFINERS
from edgequant.core.errors import BadOption
from edgequant.refine.refiner import KINDS, AbstractRefiner


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("adaround", ["Corrects"]),
        ("bias_correct", ["Corrects"]),
        ("distill", ["Teaches"]),
        ("equalize", ["Rewrites", "Corrects"]),
        ("prune", ["Shrinks"]),
        ("qat", ["Trains"]),
    ],
)
def test_each_is_of_its_kinds_alone(name: str, kinds: list[str]) -> None:
    assert [kind.__name__ for kind in KINDS if issubclass(REFINERS.get(name), kind)] == kinds


def test_one_of_no_kind_is_told_what_to_derive_from() -> None:
    with pytest.raises(BadOption, match=r"^Mine is a refiner of no kind\. .* Write class Mine\(Corrects\) for a `ref"):

        class Mine(AbstractRefiner):
            def reference(self, reference: Any, images: Any, tick: Any) -> Any:  # noqa: ARG002
                return reference
