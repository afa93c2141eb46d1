"""What is wrong with the words themselves, before a command sees them or where the parser refuses them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..core.errors import BadOption

ADDRESS = re.compile(r"(?:\w+:)?((?:https?|ftp|s3|gs)://\S+)")
TO_ADDRESSES = ("--mlflow", "--set")  # options whose value may be one
EXPECTED = {"valid integer": "a whole number", "valid number": "a number"}


def check_words(words: Sequence[str]) -> None:
    """Raises BadOption for an empty word, which a shell makes of a variable that is not set and which would be read
    as this folder or a default; and for an address where a file is read.
    """
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        option, equals, value = word.partition("=")
        told = (option, value) if word.startswith("--") and equals else (before, word)
        if not told[1].strip():
            raise BadOption(
                f"The word behind {told[0] or 'edgequant'} is empty, as a variable of the shell gives that is not set."
                f" Expected a value{f', or no {told[0]}' if told[0].startswith('-') else ''}."
            )
        address = ADDRESS.match(told[1])
        if address is not None and told[0] not in TO_ADDRESSES:
            raise BadOption(
                f"{address[1]} is an address. Expected a file or a folder of this machine: fetch it (curl -LO"
                f" {address[1]}) and give its path."
            )


def mistyped(error: Any, words: Sequence[str], command: str) -> str:
    """The line for what click refused: with the value it got, and what shows the command's options."""
    said = str(error.format_message()).rstrip(".")
    value = _value(words, getattr(getattr(error, "param", None), "opts", ()))
    if said.startswith("Invalid value") and value is not None:
        expected = next((f": expected {plain}" for theirs, plain in EXPECTED.items() if theirs in said), "")
        said = f"{said.partition(': ')[0] if expected else said}{expected}. Got {value!r}"
    end = "" if said.endswith("?") else "."
    return f"{said}{end} Try: edgequant {f'{command} ' if command else ''}--help"


def _value(words: Sequence[str], options: Sequence[str]) -> str | None:
    """What was typed for an option, the last time that it was."""
    found = None
    for word, behind in zip(words, (*words[1:], None)):
        name, equals, value = word.partition("=")
        if name in options:
            found = value if equals else behind
    return found
