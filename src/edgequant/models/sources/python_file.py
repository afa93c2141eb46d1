"""A network of the user's own: a function, or a class, in a Python file of theirs."""

from __future__ import annotations

import contextlib
import inspect
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, final

import torch
from torch import nn

from ...core.errors import BadModel
from ...core.image import InputSpec
from ...core.pixels import UNKNOWN, filled, merged, stated_of
from ..model import AbstractModel
from .declared import as_spec
from .keras.package import is_keras
from .unwrapped import unwrapped
from .user_code import importing, load

CLASSES = ("classes", "num_classes", "n_classes")  # parameters of a factory that are told the number of classes
EXAMPLE = "path/to/file.py:factory"


@final
@dataclass(frozen=True)
class File(AbstractModel):
    """`factory` in the file at `path`; `path` may hold both, as `net.py:make`.

    The factory is called with the number of classes where it has one parameter without a default,
    or one named `classes` or `num_classes`; else without arguments. What the network takes is said by
    an `input_spec` (an InputSpec, or a dict of its fields) of the file, of the factory, or of the network
    where the factory needs no arguments, or by the options here (core/pixels.py); both must agree.
    Size and channels that neither says are the data set's; mean and std are never assumed.
    `pretrained=false` says that the weights which the factory gives are fresh.
    """

    path: str = ""
    factory: str = ""
    size: str = ""
    channels: str = ""
    mean: str = ""
    std: str = ""
    fit: str = ""
    pretrained: bool = True
    unsure: ClassVar[bool] = True  # whether `has_weights` is so is found by building it twice

    @property
    def has_weights(self) -> bool:
        return self.pretrained

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        found = self._declared() or UNKNOWN
        return filled(merged(found, stated_of(self), self.path), image_shape)

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:  # noqa: ARG002
        file, _ = self._where()
        factory = self._factory(self._load())
        with _blaming(file):
            network = factory(**_arguments(factory, classes, file))
        if is_keras(network):
            from .keras.source import from_keras

            return from_keras(network, skip=self._written() is None)
        if not isinstance(network, nn.Module):
            raise BadModel(
                f"{self._spec()} returned {type(network).__name__}, not a torch.nn.Module. Return the network itself."
            )
        return unwrapped(network)

    def _where(self) -> tuple[Path, str]:
        """(file, factory's name); the name may stand in `path`, after a colon."""
        head, _, tail = self.path.rpartition(":")
        path, factory = (head, tail) if not self.factory and head and tail.isidentifier() else (self.path, self.factory)
        path = path.rstrip(":")
        if not path or not factory:
            file, _, rest = self.path.partition(".py:")
            named = re.match(r":*([^\W\d]\w*)", rest)
            written = f"{file}.py:{named[1]}" if named else f"{self.path.rstrip(':') or 'path/to/file.py'}:FACTORY"
            raise BadModel(
                f"A model from a file needs the file and a factory in it. Got {self.path!r}. Write {written}, a"
                " function that makes the network, and is called with the number of classes or with nothing."
            )
        return Path(path).expanduser(), factory

    def _spec(self) -> str:
        return ":".join(str(part) for part in self._where())

    def _load(self) -> ModuleType:
        """The user's file as a module. It runs once for each content of it and of what it imports."""
        file, _ = self._where()
        if not file.is_file():
            raise BadModel(f"There is no file {file}. Write {EXAMPLE}.")
        with _blaming(file):
            return load(file)

    def _factory(self, module: ModuleType) -> Callable[..., Any]:
        file, name = self._where()
        factory = getattr(module, name, None)
        if callable(factory):
            return factory  # type: ignore[no-any-return]
        own = [k for k, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == module.__name__]
        raise BadModel(
            f"{file} has no function or class {name!r}. It has: {', '.join(own) or 'none'}. Write {EXAMPLE}."
        )

    def _written(self) -> Any:
        """The `input_spec` of the file or the factory, as it stands there; None for none."""
        module = self._load()
        return getattr(module, "input_spec", None) or getattr(self._factory(module), "input_spec", None)

    def _declared(self) -> InputSpec | None:
        """The `input_spec` of the file, the factory or the network; a Keras model says it in its layers."""
        found, needed = self._written(), _arguments(self._factory(self._load()), 2, self._where()[0])
        if found is None and (not needed or _uses_keras(self._load())):
            with torch.random.fork_rng(devices=[]):  # a look; the weights of the real build must not depend on it
                found = getattr(self.build(InputSpec(1, 1, 1), 2), "input_spec", None)
        return as_spec(found, self.path)


def _uses_keras(module: ModuleType) -> bool:
    """Whether the file names anything of Keras; a PyTorch factory that needs the number of classes is not called."""
    names = [str(getattr(v, "__module__", None) or getattr(v, "__name__", "")) for v in vars(module).values()]
    return any(name.partition(".")[0] == "keras" for name in names)


def _arguments(factory: Callable[..., Any], classes: int, file: Path) -> dict[str, int]:
    """How to call the factory: with nothing, or with the number of classes by name; 0: nobody knows it."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # made in C: it has no signature to read
        return {}
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p.name for p in parameters if p.name in named and p.default is p.empty]
    wanted = required or ([n for n in named if n in CLASSES][:1] if classes else [])
    if required and not classes:
        raise BadModel(
            f"The factory in {file} wants {', '.join(required)}, and images without labels do not tell how many classes"
            " there are. Give it a default, or write a function that takes none."
        )
    if len(wanted) > 1:
        raise BadModel(
            f"The factory in {file} wants {', '.join(wanted)}; only the number of classes is known here."
            " Give the others defaults, or write a function that takes none."
        )
    return dict.fromkeys(wanted, classes)


@contextlib.contextmanager
def _blaming(file: Path) -> Iterator[None]:
    """Let files beside the user's be imported, and turn what their code raises into one line with its place."""
    try:
        with importing(file):
            yield
    except (Exception, SystemExit) as error:
        raise BadModel(
            f"{file}, line {_line(error, file)}: {type(error).__name__}: {' '.join(str(error).split())}."
            " Expected the file to import and the factory to return a network."
        ) from error


def _line(error: BaseException, file: Path) -> int | str:
    """The last line of the user's file that was running."""
    if isinstance(error, SyntaxError) and error.filename == str(file.resolve()):
        return error.lineno or "?"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file.resolve())]
    return (frames[-1].lineno if frames else None) or "?"
