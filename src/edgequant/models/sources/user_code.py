"""A user's Python file as a module, and the files beside it that it imports: as they are on disk now.

Python imports a file once in a process, by its name alone. A network is then another one than its files say where a
helper was edited, or where a second network has a helper of the same name in its own folder. So what a user's file
imports is known here by file: it is in `sys.modules` while that user's file is the one at work, and is imported anew,
the file with it, when the content of any of them has changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.machinery
import importlib.util
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Final

from ...store.content import installed


@dataclass
class _Loaded:
    """A user's file, what it imported of the user's own, and what was read from where."""

    module: ModuleType | None = None
    helpers: dict[str, ModuleType] = field(default_factory=dict)
    sources: dict[Path, str] = field(default_factory=dict)  # file -> its sha256 when it was run

    def changed(self) -> bool:
        return any(_digest(path) != digest for path, digest in self.sources.items())


_known: Final[dict[Path, _Loaded]] = {}
_at_work: Final[list[_Loaded]] = []  # one at most


def load(file: Path) -> ModuleType:
    """The file as a module, run once for each content of it and of what it imports. Raises what its code does."""
    file = file.resolve()
    found = _known.get(file)
    if found is not None and found.module is not None and not found.changed():
        return found.module
    forget(file)
    with importing(file):
        return _run(file, _known[file])


def forget(file: Path) -> None:
    """Run the file and its imports again when they are asked for."""
    found = _known.pop(file, None)
    if found is not None:
        _take_out(found)


@contextlib.contextmanager
def importing(file: Path) -> Iterator[None]:
    """While code of the file runs: what lies beside it can be imported, and what it imports is remembered."""
    file = file.resolve()
    loaded = _known.setdefault(file, _Loaded())
    _put_in(loaded)
    before, folder, writes = set(sys.modules), str(file.parent), sys.dont_write_bytecode
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True  # bytecode is known by its source's time in seconds and size: edits are faster
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        with contextlib.suppress(ValueError):  # the user's code may have taken it out itself
            sys.path.remove(folder)
        _remember(loaded, before)


def _run(file: Path, loaded: _Loaded) -> ModuleType:
    source = file.read_bytes()
    name = f"_edgequant_model_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_loader(name, importlib.machinery.SourceFileLoader(name, str(file)))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up here
    linecache.checkcache(str(file))
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    loaded.module, loaded.sources[file] = module, hashlib.sha256(source).hexdigest()
    return module


def _put_in(loaded: _Loaded) -> None:
    """What this file imported takes the place of what another one did."""
    for other in _at_work:
        if other is not loaded:
            _take_out(other)
    _at_work[:] = [loaded]
    for name, module in loaded.helpers.items():
        sys.modules.setdefault(name, module)


def _take_out(loaded: _Loaded) -> None:
    for name, module in loaded.helpers.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]


def _remember(loaded: _Loaded, before: set[str]) -> None:
    """Modules of the user's own that were imported since; the caller's, that were there before, stay the caller's."""
    for name in set(sys.modules) - before:
        module = sys.modules[name]
        if module is loaded.module or name.startswith("_edgequant_model_") or installed(name) is not None:
            continue
        loaded.helpers[name] = module
        path = getattr(module, "__file__", None)
        if path is not None:
            loaded.sources[Path(path)] = _digest(Path(path))


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
