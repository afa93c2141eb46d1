"""Files that are whole or not there, and JSON that is the same for the same content."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import errno
import hashlib
import io
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import BadFile, RunFolderError, cause


def clean(value: Any) -> Any:
    """`value` as JSON can hold it: numbers finite (NaN and infinities become null), arrays lists, paths text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): clean(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted((clean(one) for one in value), key=canonical)
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: clean(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "tolist"):  # numpy's scalars and arrays, without importing numpy here
        return clean(value.tolist())
    raise TypeError(f"A {type(value).__name__} cannot be written as JSON. Expected numbers, text, lists and dicts.")


def canonical(value: Any) -> str:
    """One text for equal content, whatever the order of its keys; for hashing."""
    return json.dumps(clean(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` so that readers see the old file or the new one, whole. Raises RunFolderError."""
    temporary = path.parent / f".tmp-{path.name}"
    with writing(path.parent):
        try:
            temporary.write_bytes(data)
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value`, cleaned, as `write_bytes` does. Raises RunFolderError."""
    write_bytes(path, (json.dumps(clean(value), indent=1, allow_nan=False) + "\n").encode())


def csv_text(lines: Iterable[Sequence[Any]]) -> str:
    """Comma-separated values, the header first; None is an empty field, and quotes stand where one needs them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises BadFile."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadFile(f"{path} cannot be read: {cause(error)}. Expected a JSON file that edgequant wrote.") from error
    if not isinstance(value, dict):
        raise BadFile(f"{path} holds a {type(value).__name__}. Expected a JSON object that edgequant wrote.")
    return value


SCHEMA = "edgequant/1"  # of results.json


def read_results(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The folder of a finished run, given it or its results.json, and the record in it. Raises BadFile."""
    path = folder if folder.suffix == ".json" and folder.is_file() else folder / "results.json"
    if not os.path.isfile(path):  # noqa: PTH113 - False, not an error, for a name too long
        raise BadFile(f"There is no {path}. Expected the folder of a finished run, as runs/digits.")
    record = read_json(path)
    if record.get("schema") != SCHEMA:
        raise BadFile(
            f"{path} has the schema {record.get('schema')!r}; this edgequant reads {SCHEMA!r}. Give the folder of a run"
            " of this edgequant, or run its study again."
        )
    variants = record.get("variants")
    whole = isinstance(variants, list) and all(isinstance(one, dict) and "id" in one for one in variants)
    if not whole or not isinstance(record.get("study"), dict):
        raise BadFile(f"{path} is no record of a run: its variants or its study are not there. Run the study again.")
    return path.parent, record


def sha256(path: Path) -> str:
    """Of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """A file, a link or a whole folder; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the system refuses meanwhile into RunFolderError, one line."""
    try:
        yield
    except OSError as error:
        raise refused(folder, error) from error


def refused(folder: Path, error: OSError) -> RunFolderError:
    """The line for a folder that cannot be written."""
    what = f"{error.strerror or error} ({error.filename})" if error.filename else str(error.strerror or error)
    return RunFolderError(f"The run folder {folder} cannot be written: {what}. {_WAY.get(error.errno or 0, _FREE)}")


_FREE = "Expected a folder with free space. Free some, or pass another with --out DIR."
_FILE = "Expected a folder, and a file stands there. Pass another with --out DIR."
_WAY = {
    errno.EEXIST: _FILE,
    errno.ENOTDIR: _FILE,
    errno.ENAMETOOLONG: "Expected a name of at most 255 characters. Pass a shorter one with --out DIR.",
    errno.EROFS: "Expected a folder that may be written. Pass another with --out DIR.",
    errno.EACCES: "Expected a folder that may be written. Pass another with --out DIR.",
    errno.EPERM: "Expected a folder that may be written. Pass another with --out DIR.",
}
