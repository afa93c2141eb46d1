"""The content of anything as one sha256: what a step of a run reads must be in its key, constants and code included.

A number that a user's `forward` takes from a global, an attribute that is no tensor, a helper function in another
file: all of it decides what a network computes, and none of it is in `state_dict`. So values are walked: containers by
their members, tensors and arrays by their bytes, objects by their class and attributes, functions by their bytecode
and by the globals, defaults and closures that they name, classes by their functions. Code that was installed (the
standard library, packages) counts by name, version and file; edgequant's own by name, for every step is
keyed by it (of networks by file: a training is keyed by its own code only).

Equal content gives an equal hash in every process; object identities, line numbers and the order of sets do not
matter. What cannot be looked into (an open session of a C library) equals nothing, itself included: the step that
reads it is made again.
"""

from __future__ import annotations

import collections
import dis
import enum
import functools
import hashlib
import logging
import pickle
import re
import secrets
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import Any, final

import numpy as np

OURS = __name__.partition(".")[0]
BASES = (int, float, complex, str, bytes)
INSTALLED = {"site-packages", "dist-packages"}
PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, type(Ellipsis), type(NotImplemented), range)
READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "IMPORT_NAME"})  # bytecodes
NO_CONTENT = frozenset({"lock", "RLock", "_abc_data", "ReferenceType", "Thread", "TextIOWrapper", "_tlocal"})
# of a class: what says nothing about what it does, or is made anew for each
UNTOLD = frozenset({
    "__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__abstractmethods__", "_abc_impl",
    "__firstlineno__", "__static_attributes__", "__parameters__", "__slots__", "__qualname__", "__match_args__",
})  # fmt: skip


def content(*values: Any) -> str:
    """sha256 of what the values are, all the way down, in hexadecimal."""
    walk = _Walk()
    try:
        for value in values:
            walk.feed(value)
    except RecursionError:  # deeper than anybody looks
        return secrets.token_hex(32)
    return walk.hash.hexdigest()


@final
class _Walk:
    """One pass over values. `seen` numbers the objects met, so that cycles end and nothing is walked twice."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.seen: dict[int, int] = {}
        self.kept: list[Any] = []  # alive meanwhile: an id is only an object's own while it lives
        self.open: list[int] = []  # containers that are being walked
        self.kinds = self._kinds()

    def say(self, *words: object) -> None:
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode(errors="surrogatepass")
            self.hash.update(b"%d:" % len(data) + data)

    def feed(self, value: Any) -> None:
        if type(value) in PLAIN:
            return self.say(type(value).__name__, repr(value))
        if isinstance(value, (tuple, list, collections.deque, set, frozenset, dict, types.MappingProxyType)):
            return self._container(value)
        known = next((feed for kinds, feed in self.kinds.items() if isinstance(value, kinds)), None)
        if known is not None:
            return known(value)
        for base in BASES:
            if isinstance(value, base):  # of a class of the user's own, which may hold more
                self.say(base.__name__, base.__repr__(value))
        return self._once(value, self._object)

    def _kinds(self) -> dict[Any, Callable[[Any], None]]:
        found: dict[Any, Callable[[Any], None]] = {
            np.ndarray: self._array,
            (np.generic, np.dtype): lambda v: self.say(type(v).__name__, str(v.dtype if hasattr(v, "dtype") else v), v),
            enum.Enum: lambda v: self.say("enum", type(v).__qualname__, v.name),
            PurePath: lambda v: self.say("path", v),
            re.Pattern: lambda v: self.say("pattern", v.pattern, v.flags),
            logging.Logger: lambda v: self.say("logger", v.name),
            type: lambda v: self._once(v, self._class),
            types.FunctionType: lambda v: self._once(v, self._function),
            types.MethodType: lambda v: self._all("method", v.__func__, v.__self__),
            types.CodeType: self._code,
            types.ModuleType: lambda v: self._once(v, self._module),
            (staticmethod, classmethod): lambda v: self._all(type(v).__name__, v.__func__),
            property: lambda v: self._all("property", v.fget, v.fset, v.fdel),
            functools.partial: lambda v: self._all("partial", v.func, v.args, v.keywords),
            (types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodDescriptorType): self._builtin,
            (types.GetSetDescriptorType, types.MemberDescriptorType): lambda v: self.say("slot", v.__name__),
            (weakref.ref, types.GenericAlias, types.UnionType): lambda v: self.say(type(v).__name__, _named(v)),
            types.CellType: lambda v: self._all("cell", *_inside(v)),
        }
        return _torch_kinds(self) | found if "torch" in sys.modules else found

    def _all(self, what: str, *parts: Any) -> None:
        self.say(what, len(parts))
        for part in parts:
            self.feed(part)

    def _once(self, value: Any, feed: Callable[[Any], None]) -> None:
        """Each object is walked where it is met first, and is a number after that."""
        if id(value) in self.seen:
            return self.say("seen", self.seen[id(value)])
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)
        return feed(value)

    def _container(self, value: Any) -> None:
        """By value, shared or not. Of a set the order is that of its members' hashes."""
        if id(value) in self.open:
            return self.say("inside", len(self.open) - self.open.index(id(value)))
        self.open.append(id(value))
        self.say(type(value).__name__, len(value))
        if type(value).__module__ not in ("builtins", "collections"):
            self.feed(type(value))
        if isinstance(value, (set, frozenset)):
            self.say(*sorted(content(one) for one in value))
        elif isinstance(value, (tuple, list, collections.deque)):
            for one in value:
                self.feed(one)
        else:
            for key, one in value.items():
                self.feed(key)
                self.feed(one)
        self.feed(getattr(value, "__dict__", None)) if hasattr(value, "__dict__") else None
        self.open.pop()
        return None

    def _array(self, value: Any) -> None:
        self.say("array", value.dtype.str, value.shape)
        if value.dtype.hasobject:
            return self.feed(value.tolist())
        return self.say(np.ascontiguousarray(value).tobytes())

    def _object(self, value: Any) -> None:
        """Its class, and what it holds: attributes, slots, or what it pickles to."""
        kind = type(value)
        if kind.__name__ in NO_CONTENT:
            return self.say("object", kind.__name__)
        if hasattr(value, "__wrapped__") and not hasattr(value, "__dict__"):  # what functools.cache made
            return self._all("wrapped", value.__wrapped__)
        held = dict(_held(value))
        if not held and not hasattr(value, "__dict__"):
            return self._sealed(value)
        self._all("object", kind)
        return self._attributes(held)

    def _attributes(self, held: Mapping[str, Any]) -> None:
        for name in sorted(held):
            self.say(name)
            self.feed(held[name])

    def _sealed(self, value: Any) -> None:
        """Of a class written in C, or without attributes."""
        self._all("sealed", type(value))
        try:
            self.say(pickle.dumps(value, 4))
        except Exception:  # nobody can look into it
            self.say("unknown", secrets.token_hex(16))

    def _class(self, value: type) -> None:
        self.say("class", value.__qualname__)
        if (version := installed(value.__module__)) is not None:
            return self.say(value.__module__, version)
        self._all("bases", *value.__bases__)
        return self._attributes({k: v for k, v in vars(value).items() if k not in UNTOLD})

    def _function(self, value: types.FunctionType) -> None:
        self.say("function", value.__qualname__)
        if (version := installed(value.__module__ or "")) is not None:
            return self.say(value.__module__, version)
        self._code(value.__code__)
        self._all("defaults", value.__defaults__, value.__kwdefaults__, *(value.__closure__ or ()))
        self._attributes({k: v for k, v in vars(value).items() if k != "__wrapped__"})
        return self._globals(value)

    def _globals(self, function: types.FunctionType) -> None:
        """What the function's names mean. Of a module of the user's own, the attributes that are named."""
        read, named = _names(function.__code__)
        for name in read:
            found = function.__globals__.get(name, _LACKING)
            if found is _LACKING:  # imported where it is used
                found = sys.modules.get(name, _LACKING)
                if found is _LACKING or installed(name) is not None:
                    continue
            self.say("global", name)
            if isinstance(found, types.ModuleType) and installed(found.__name__) is None:
                self._attributes({n: vars(found)[n] for n in named if n in vars(found)})
            else:
                self.feed(found)

    def _code(self, value: types.CodeType) -> None:
        """Bytecode, names and constants; not where it stands."""
        self.say("code", value.co_code, value.co_flags, value.co_argcount, value.co_kwonlyargcount)
        self._all("names", *value.co_names, *value.co_varnames, *value.co_freevars)
        self._all("constants", *value.co_consts)

    def _module(self, value: types.ModuleType) -> None:
        if (version := installed(value.__name__)) is not None:
            return self.say("module", value.__name__, version)
        self.say("module")
        return self._attributes({k: v for k, v in vars(value).items() if not k.startswith("__")})

    def _builtin(self, value: Any) -> None:
        self.say("builtin", getattr(value, "__module__", ""), value.__qualname__)
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, types.ModuleType):
            self.feed(owner)


_LACKING = object()


def _named(value: Any) -> str:
    return "" if isinstance(value, weakref.ref) else str(value)


def _inside(cell: types.CellType) -> Sequence[Any]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # not yet filled
        return ()


def _held(value: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of attributes and slots. Whether a network trains is said by who runs it."""
    module = "torch" in sys.modules and isinstance(value, sys.modules["torch"].nn.Module)
    for name, one in getattr(value, "__dict__", {}).items():
        hooks = module and name.startswith("_") and "hook" in name
        if module and (name == "training" or (hooks and not one)):
            continue
        yield str(name), list(one.values()) if hooks and isinstance(one, Mapping) else one  # numbered as they are made
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name) and name not in ("__dict__", "__weakref__"):
                yield name, getattr(value, name)


@cache
def _names(code: types.CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(globals and modules that the code reads, attributes that it takes), those of functions in it among them."""
    read, named = set(), set(code.co_names)
    for step in dis.get_instructions(code):
        if step.opname in READS:
            read.add(str(step.argval))
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            inner = _names(one)
            read |= {*inner[0]}
            named |= {*inner[1]}
    return tuple(sorted(read)), tuple(sorted(named))


def installed(module: str) -> str | None:
    """What stands for the code of a module that nobody edits: version and file; None for a user's own."""
    top = module.partition(".")[0]
    if module.startswith(f"{OURS}.models."):
        return _file(str(sys.modules[module].__file__))
    if top == OURS or top in sys.stdlib_module_names or top == "builtins":
        return top
    found = sys.modules.get(module)
    path = getattr(found, "__file__", None)
    if path is None or not INSTALLED & set(Path(path).parts):
        return None if path or found is None or not getattr(found, "__path__", None) else top
    version = getattr(sys.modules.get(top), "__version__", "")
    return f"{top} {version} {_file(path)}"


@cache
def _file(path: str) -> str:
    """Once in a process, which has imported it once."""
    file = Path(path)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.suffix == ".py" and file.is_file() else file.name


def _torch_kinds(walk: _Walk) -> dict[Any, Callable[[Any], None]]:
    import torch

    return {
        torch.Tensor: lambda v: _tensor(walk, v),
        (torch.dtype, torch.device, torch.layout, torch.memory_format): lambda v: walk.say(type(v).__name__, v),
        torch.Generator: lambda v: walk._all("generator", v.get_state()),
        torch.fx.Graph: lambda v: walk.say("graph", v),
        (torch._ops.OpOverload, torch._ops.OpOverloadPacket): lambda v: walk.say("operator", v),
    }


def _tensor(walk: _Walk, value: Any) -> None:
    """Values and type; not strides, nor whether it takes gradients."""
    import torch

    walk.say("tensor", value.dtype, tuple(value.shape))
    if value.is_meta:
        return walk.say("meta")
    if value.is_quantized:
        _tensor(walk, value.int_repr())
        return _tensor(walk, value.dequantize())
    if value.layout is not torch.strided:
        return _tensor(walk, value.to_dense())
    plain = value.detach().cpu().contiguous().reshape(-1)
    return walk.say(plain.view(torch.uint8).numpy().tobytes() if plain.numel() else b"")
