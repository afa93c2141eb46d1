"""Named, lazily imported components: the one mechanism behind every plug-in point."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from .errors import BadOption, UnknownName
from .words import meant, path_hint

T = TypeVar("T")


class Registry(Generic[T]):
    """The table of names for one kind of component.

    An entry is `name: ("package.module:Class", "what it is, in a line")`. It is imported when
    it is asked for and not before, so listing the backends does not import ONNX Runtime.

    A component is a frozen dataclass, and its fields are its options. A *spec* names one
    and may set some of them; the first may be given without its name:

        minmax
        percentile:q=99.9
        imagefolder:/photos,size=224
        onnx:model.onnx,mean=0.485,0.456,0.406   (what has no name continues the option before it)
        mypackage.calib.MyCalibrator:q=99.9      (not registered anywhere)
    """

    def __init__(self, interface: str, noun: str, entries: Mapping[str, tuple[str, str]]) -> None:
        self._interface = interface
        self.noun = noun
        self._entries = dict(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    @property
    def kind(self) -> type[T]:
        """The abstract class that every entry implements; the registry names it as `module:Class`."""
        return typing.cast("type[T]", _named(self._interface))

    def summary(self, name: str) -> str:
        """What the component is, in a line; known without importing it."""
        return self._entries[name][1]

    def path(self, name: str) -> str:
        """Where the component is, as `module:Class`; known without importing it."""
        return self._entries[name][0]

    def get(self, name: str) -> type[T]:
        """The class behind a name, or behind a dotted path to a class of the user's own."""
        if name in self._entries:
            module, _, attribute = self._entries[name][0].partition(":")
        elif "." in name and all(part.isidentifier() for part in name.split(".")):
            module, _, attribute = name.rpartition(".")
        else:
            raise UnknownName(unknown(self.noun, name, self._entries))
        try:
            found = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            if path_hint(self.noun, name):
                raise UnknownName(unknown(self.noun, name, self._entries)) from error
            raise UnknownName(
                f"The {self.noun} {name!r} could not be imported: {error}. Expected package.module.Class, or one of:"
                f" {', '.join(self._entries)}."
            ) from error
        if not (isinstance(found, type) and issubclass(found, self.kind) and dataclasses.is_dataclass(found)):
            raise UnknownName(
                f"{name!r} is no {self.noun}: a dataclass that implements {self.kind.__name__} was expected."
            )
        return typing.cast("type[T]", found)

    def build(self, spec: str | T) -> T:
        """Make the component that a spec describes; a component comes back as it is.

        Raises UnknownName and BadOption.
        """
        if not isinstance(spec, str):
            return spec
        name, _, text = spec.partition(":")
        try:
            return self.get(name)(**self._options(name, text))
        except TypeError as error:
            raise BadOption(f"The {self.noun} {name!r} lacks an option: {error}. Write {name}:option=value.") from error

    def _options(self, name: str, text: str) -> dict[str, Any]:
        cls = self.get(name)
        types = typing.get_type_hints(cls)
        fields = [f.name for f in dataclasses.fields(cls) if f.init]  # type: ignore[arg-type]
        options: dict[str, Any] = {}
        for key, value in _pairs(text, fields):
            if key not in fields:
                raise BadOption(
                    f"The {self.noun} {name!r} has no option {key!r}."
                    f" Its options: {', '.join(fields) or 'none'}. Write {name}{':option=value' if fields else ''}."
                )
            options[key] = parse(value, types[key], f"the {self.noun} {name!r}, option {key!r}")
        return options

    def options(self, name: str) -> dict[str, str]:
        """The options of a component and their defaults, as text. Imports the component."""
        fields = dataclasses.fields(self.get(name))  # type: ignore[arg-type]
        return {f.name: "" if f.default is dataclasses.MISSING else repr(f.default) for f in fields}


def _named(path: str) -> Any:
    """What stands at `module:attribute`."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


def first_option(text: str) -> str:
    """The value of the first option in `imagefolder:` *`/photos, old`* `,size=224`: what stands before `,key=`."""
    return next(iter(_pieces(text)), "")


def _pieces(text: str) -> list[str]:
    """The options of a spec, each with its name, the first perhaps without. What stands between two commas and has no
    name of its own, as in `mean=0.485,0.456,0.406` or in a path, continues the option before it.
    """
    found: list[str] = []
    for piece in text.split(","):
        key, equals, _ = piece.partition("=")
        if found and not (equals and key.strip().isidentifier()):
            found[-1] += f",{piece}"
        else:
            found.append(piece)
    return [kept for kept in (piece.rstrip(",") for piece in found) if kept]


def _pairs(text: str, fields: list[str]) -> Iterator[tuple[str, str]]:
    """(name, value) of each option of a spec; the first may be given without its name."""
    for position, piece in enumerate(_pieces(text)):
        key, equals, value = piece.partition("=")
        named = equals and "/" not in key  # a path may hold an equals sign
        yield (key, value) if position or named or not fields else (fields[0], piece)


def unknown(noun: str, name: str, known: typing.Iterable[str]) -> str:
    """The line a user reads who typed a name nobody knows."""
    names = list(known)
    several = re.split(r"[,;\s]+", name.strip())
    if len(several) > 1 and all(one in names for one in several):
        return f"Expected one {noun}. Got {name!r}: write {several[0]} here, or several in a study (edgequant run)."
    path, close = path_hint(noun, name), meant(noun, name, names)
    hint = f" Write {path}." if path else f" Did you mean {close!r}?" if close else ""
    return f"No {noun} is named {name!r}.{hint} Known: {', '.join(names)}."


def parse(text: str, kind: Any, where: str) -> Any:
    """`text` as a value of type `kind` (str, int, float, bool, or one of these or None). Raises BadOption."""
    allowed = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if type(None) in allowed and text.lower() in ("none", ""):
        return None
    for one in allowed:
        value = _as(text, one)
        if value is not None:
            return value
    expected = " or ".join("none" if one is type(None) else getattr(one, "__name__", str(one)) for one in allowed)
    raise BadOption(f"Expected {expected} for {where}. Got {text!r}.")


def _as(text: str, kind: Any) -> Any:
    if kind is str:
        return text
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower())
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return None
    if kind is float and type(value) is int:
        return float(value)
    return value if type(value) is kind else None
