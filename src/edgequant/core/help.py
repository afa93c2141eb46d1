"""What the command line says of an option, written beside the field or the parameter that it is: once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Help:
    """In `Annotated[type, Help(...)]`: the text of `--help`, and what stands for the value there (`DIR`).

    `commands.grouped` makes the option of it; without a default it is an argument. Everything else ignores it.
    """

    text: str
    metavar: str = ""
