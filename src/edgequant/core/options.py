"""What of a foreign layer or operator is read: a fate for each of its options.

A table gives every option of a kind one of three fates: "read"; "without effect" on what the network computes here;
"refused", which stops the reader unless the option has its plain value. A reader gets values from `Options` alone,
so that the table and the reading cannot drift apart; tests hold each table against the definitions of its format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

Fate = Literal["read", "without effect", "refused"]


@final
@dataclass(frozen=True)
class Option:
    """`plain` is the value that a refused option may have."""

    fate: Fate
    plain: Any = None


Entries = Mapping[str, Option]

READ, IDLE = Option("read"), Option("without effect")


def refused(plain: Any = None) -> Option:
    return Option("refused", plain)


@final
@dataclass(frozen=True)
class Options:
    """The options of one layer or operator: an object whose attributes are their values."""

    kind: str
    entries: Entries
    values: Any

    def get(self, name: str) -> Any:
        """The value of an option that the table calls read."""
        fate = self.entries[name].fate
        assert fate == "read", f"{self.kind}.{name} is {fate} by the table"
        return getattr(self.values, name)

    def refusal(self) -> tuple[str, str] | None:
        """What the first refused option says that is not plain, and what was expected; None where all are."""
        for name, entry in self.entries.items():
            if entry.fate != "refused":
                continue
            value = getattr(self.values, name)
            if not _plain(value, entry.plain):
                return f"has {name} = {str(value)[:60]}, which edgequant does not read", f"{name} = {entry.plain}"
        return None


def _plain(value: Any, plain: Any) -> bool:
    """An empty list says as little as None."""
    return (
        bool(value == plain) if plain is not None else value is None or (hasattr(value, "__len__") and not len(value))
    )
