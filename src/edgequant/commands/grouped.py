"""Options written once: what has `Help` is an option, and a parameter that is a dataclass stands for its fields."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from ..core.help import Help

Command = Callable[..., None]


def grouped(command: Command) -> Command:
    """The command as typer reads it: each dataclass among its parameters is replaced by its fields, in their place.

    So is one among the fields of another. Parameters behind a group are keyword-only, as they may have no default
    where it has one.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    @functools.wraps(command)
    def flat(**words: Any) -> None:
        made = {name: _made(group, words) for name, group in groups.items()}
        command(**words, **made)

    given = inspect.signature(command).parameters
    parameters = [one for name, parameter in given.items() for one in _flat(parameter, hints[name])]
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {one.name: one.annotation for one in parameters}
    return flat


def _made(group: Any, words: dict[str, Any]) -> Any:
    """The group of the words that are its fields, which are taken out of `words`."""
    hints = {field.name: get_type_hints(group)[field.name] for field in fields(group)}
    return group(**{n: _made(hint, words) if is_dataclass(hint) else words.pop(n) for n, hint in hints.items()})


def _flat(parameter: inspect.Parameter, hint: Any) -> Iterator[inspect.Parameter]:
    """A parameter with its type resolved; of a group, one for each field: arguments, its own, those it inherits."""
    if not is_dataclass(hint):
        yield parameter.replace(annotation=_read(parameter, hint), kind=inspect.Parameter.KEYWORD_ONLY)
        return
    types, own = get_type_hints(hint, include_extras=True), inspect.get_annotations(hint)  # type: ignore[arg-type]

    def place(field: Field[Any]) -> tuple[bool, bool]:
        return field.default is not MISSING, field.name not in own

    for field in sorted(fields(hint), key=place):
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        one = inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default)
        yield from _flat(one, types[field.name])


def _read(parameter: inspect.Parameter, hint: Any) -> Any:
    """The annotation for typer: of what has `Help`, an option of its name, or an argument where it has no default.

    What may be text among other types is text on the command line.
    """
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    said = next((note for note in notes if isinstance(note, Help)), None)
    if said is None:
        return hint
    shown: dict[str, Any] = {"help": said.text, "metavar": said.metavar or None}
    option = f"--{parameter.name.strip('_').replace('_', '-')}"
    needed = parameter.default is inspect.Parameter.empty
    return Annotated[
        str if str in get_args(kind) else kind, typer.Argument(**shown) if needed else typer.Option(option, **shown)
    ]
