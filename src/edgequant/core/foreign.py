"""Files from anywhere: whatever a damaged or hostile one makes a reader raise becomes one line that names it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from .errors import BadFile, EdgequantError

P = ParamSpec("P")
T = TypeVar("T")
SHOWN = 160  # characters of the cause


@contextmanager
def foreign(path: Path | str, what: str, refusal: type[EdgequantError] = BadFile) -> Iterator[None]:
    """While a file is read that edgequant did not write: `what` it should be, as in "a .tflite".

    Raises `refusal`, with the cause behind it; an EdgequantError passes as it is. Recursion without end, and memory
    that a lying size asks for, are causes like any other.
    """
    try:
        yield
    except EdgequantError:
        raise
    except Exception as error:  # a damaged file can make any line of a reader fail, in any way
        raise refusal(
            f"{path} cannot be read as {what}: {said(error)}. It is damaged, or not what its name says."
            " Fetch or make it again."
        ) from error


def reads(
    what: str, refusal: type[EdgequantError] = BadFile
) -> Callable[[Callable[Concatenate[Path, P], T]], Callable[Concatenate[Path, P], T]]:
    """A decorator: `foreign` around a whole function, whose first argument is the file."""

    def decorate(function: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
        @wraps(function)
        def read(path: Path, /, *args: P.args, **options: P.kwargs) -> T:
            with foreign(path, what, refusal):
                return function(path, *args, **options)

        return read

    return decorate


def said(error: BaseException) -> str:
    """The kind of an error and the start of its message, on one line."""
    text = " ".join(str(error).split()).rstrip(".")[:SHOWN]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


MOST_BYTES, MOST_TIMES = 1 << 30, 100  # an archive that unpacks to more than both is a bomb, not data


def check_archive_size(path: Path, refusal: type[EdgequantError] = BadFile) -> None:
    """Look into a zip before it is unpacked. What is no zip, or a torn one, is left to its reader to refuse.

    Raises `refusal` where it would unpack to over 1 GiB, and to over a hundred times its own size: images and
    weights do not shrink like that.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return
    packed = path.stat().st_size
    if unpacked > max(MOST_BYTES, MOST_TIMES * packed):
        raise refusal(
            f"{path} has {packed:,} bytes and would unpack to {unpacked:,}. Expected at most {MOST_BYTES:,}, or"
            f" {MOST_TIMES} times its size: it is a zip bomb, or damaged. Fetch or make it again."
        )
