"""Options that several commands share, written once: a parameter that is a dataclass stands for its fields."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

Command = Callable[..., None]


def grouped(command: Command) -> Command:
    """The command as typer reads it: each dataclass among its parameters is replaced by its fields, in their place.

    Parameters behind a group are keyword-only, as they may have no default where it has one.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    @functools.wraps(command)
    def flat(**words: Any) -> None:
        made = {name: group(**_taken(words, group)) for name, group in groups.items()}  # type: ignore[operator]
        command(**words, **made)

    parameters = [one for given in inspect.signature(command).parameters.values() for one in _flat(given, hints)]
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {one.name: one.annotation for one in parameters}
    return flat


def _taken(words: dict[str, Any], group: Any) -> dict[str, Any]:
    return {field.name: words.pop(field.name) for field in fields(group)}


def _flat(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Iterator[inspect.Parameter]:
    """A parameter with its type resolved; of a group, one for each field."""
    hint, kind = hints[parameter.name], inspect.Parameter.KEYWORD_ONLY
    if not is_dataclass(hint):
        yield parameter.replace(annotation=hint, kind=kind)
        return
    types = get_type_hints(hint, include_extras=True)
    for field in fields(hint):
        yield inspect.Parameter(field.name, kind, default=field.default, annotation=types[field.name])
