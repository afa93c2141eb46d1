"""Equal content, equal hash, in every process; and one bit of anything that decides makes another."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgequant.store.content import content, installed

Python = Callable[..., str]


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Name(str):
    """Text of a class of one's own."""


class Held:
    __slots__ = ("one",)

    def __init__(self, one: Any) -> None:
        self.one = one


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any = None


class Layer(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.constant_(self.conv.weight, 1.0)
        self.__dict__.update(options)


def closure(held: Any) -> Callable[[], Any]:
    return lambda: held


def cyclic(number: int) -> list[Any]:
    found: list[Any] = [number]
    found.append(found)
    return found


def linked(number: int) -> Pair:
    one = Pair(number)
    one.right = Pair(one)
    return one


DIFFERENT: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "numbers": (lambda: 1, lambda: 2),
    "a number and a truth": (lambda: 1, lambda: True),
    "a number and its text": (lambda: 1, lambda: "1"),
    "nestings": (lambda: [1, [2]], lambda: [[1], 2]),
    "lists and tuples": (lambda: [1], lambda: (1,)),
    "sets": (lambda: {1, 2}, lambda: {1, 3}),
    "values": (lambda: {"a": 1}, lambda: {"a": 2}),
    "deques": (lambda: collections.deque([1]), lambda: collections.deque([2])),
    "text of one's own class": (lambda: Name("a"), lambda: Name("b")),
    "members of an enum": (lambda: Colour.RED, lambda: Colour.BLUE),
    "paths": (lambda: Path("a"), lambda: Path("b")),
    "types of arrays": (lambda: np.zeros(2, np.int8), lambda: np.zeros(2, np.uint8)),
    "shapes": (lambda: np.zeros((1, 2)), lambda: np.zeros((2, 1))),
    "objects in arrays": (lambda: np.array([1, None]), lambda: np.array([2, None])),
    "numpy's scalars": (lambda: np.float32(1), lambda: np.float32(2)),
    "one value of a tensor": (lambda: torch.zeros(1000), lambda: torch.eye(1000)[500]),
    "types of tensors": (lambda: torch.zeros(2, dtype=torch.bfloat16), lambda: torch.zeros(2, dtype=torch.float16)),
    "sparse tensors": (lambda: torch.eye(2).to_sparse(), lambda: (2 * torch.eye(2)).to_sparse()),
    "attributes": (lambda: Layer(gain=1.0), lambda: Layer(gain=2.0)),
    "attributes in a list": (lambda: Layer(gain=[1.0]), lambda: Layer(gain=[2.0])),
    "slots": (lambda: Held(1), lambda: Held(2)),
    "fields": (lambda: Pair(1), lambda: Pair(2)),
    "closures": (lambda: closure(1), lambda: closure(2)),
    "partials": (lambda: functools.partial(closure, 1), lambda: functools.partial(closure, 2)),
    "bound methods": (lambda: Name("a").upper, lambda: Name("b").upper),
    "options of a layer": (lambda: nn.MaxPool2d(3, padding=1), lambda: nn.MaxPool2d(3)),
    "dropout": (lambda: nn.Dropout(0.1), lambda: nn.Dropout(0.2)),
    "cycles of a list": (lambda: cyclic(1), lambda: cyclic(2)),
    "cycles of objects": (lambda: linked(1), lambda: linked(2)),
    "generators": (lambda: torch.Generator().manual_seed(1), lambda: torch.Generator().manual_seed(2)),
    "functions": (lambda: lambda x: x + 1, lambda: lambda x: x + 2),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_differs_and_what_is_made_alike_is_equal(name: str) -> None:
    one, other = DIFFERENT[name]
    assert content(one()) == content(one())
    assert content(other()) == content(other())
    assert content(one()) != content(other())


def test_parts_are_told_apart() -> None:
    assert len({content("ab", "c"), content("a", "bc"), content("abc"), content(["ab", "c"])}) == 4


CODE = """
import helper
GAIN = 1.0
def inner(x): return x * GAIN
class Base:
    def run(self, x): return helper.shift(x)
class Model(Base):
    width = 3
    def __call__(self, x, scale=2.0): return inner(self.run(x)) * scale
    @property
    def twice(self): return 2 * self.width
model = Model()
"""
HELPER = "OFFSET = 1\ndef shift(x): return x + OFFSET\ndef unused(x): return x\n"


def theirs(text: str, helper: str, patch: pytest.MonkeyPatch) -> Any:
    for name, source in (("helper", helper), ("theirs", text)):
        module = types.ModuleType(name)
        patch.setitem(sys.modules, name, module)
        exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return sys.modules["theirs"].model


CHANGES = [
    ("GAIN = 1.0", "GAIN = 2.0"), ("x * GAIN", "x + GAIN"), ("width = 3", "width = 4"), ("scale=2.0", "scale=3.0"),
    ("inner(self", "abs(self"), ("2 * self.width", "3 * self.width"), ("OFFSET = 1", "OFFSET = 2"),
    ("x + OFFSET", "x - OFFSET"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_code_counts_with_what_it_names(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(theirs(CODE, HELPER, monkeypatch))
    assert content(theirs(CODE.replace(old, new), HELPER.replace(old, new), monkeypatch)) != before
    assert content(theirs(CODE, HELPER, monkeypatch)) == before


def test_where_code_stands_and_what_nobody_calls_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(theirs(CODE, HELPER, monkeypatch))
    moved = "# a comment\n\n" + CODE
    assert content(theirs(moved, HELPER.replace("unused(x): return x", "unused(x): return 2"), monkeypatch)) == before


def test_training_mode_is_said_by_who_runs_a_network() -> None:
    network = Layer()
    before = content(network.eval())
    assert content(network.train()) == before


def test_what_cannot_be_looked_into_equals_nothing() -> None:
    def generated() -> Any:
        yield 1

    sealed = generated()
    assert content(sealed) != content(sealed)
    deep: list[Any] = []
    for _ in range(sys.getrecursionlimit()):
        deep = [deep]
    assert content(deep) != content(deep)


def test_a_lock_has_no_content() -> None:
    assert content(Pair(threading.Lock())) == content(Pair(threading.Lock()))


def test_packages_count_by_version_and_file_and_ones_own_code_by_itself() -> None:
    assert installed("json") == "json" and installed("edgequant.store.disk") == "edgequant"
    assert str(installed("torch.nn.modules.conv")).startswith(f"torch {torch.__version__} ")
    assert installed(__name__) is None
    assert len(str(installed("edgequant.models.architectures.micro_cnn" if _imported() else ""))) == 64


def _imported() -> bool:
    import edgequant.models.architectures.micro_cnn  # noqa: F401

    return True


SAID = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, torch
from torch import nn
import theirs
from edgequant.store.content import content
torch.manual_seed(0)
made = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
print(content(made, theirs.model, {"a", "b", "c"}, {"x": np.arange(3)}), end="")
"""


def test_it_is_the_same_in_every_process(python: Python, tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(CODE)
    (tmp_path / "helper.py").write_text(HELPER)
    assert python(SAID, str(tmp_path)) == python(SAID, str(tmp_path))


def test_hooks_count_by_what_they_do_not_by_the_order_they_were_made_in() -> None:
    def hooked(function: Any) -> nn.Module:
        network = nn.Linear(2, 2)
        nn.init.ones_(network.weight), nn.init.zeros_(network.bias)
        network.register_forward_hook(function)
        return network

    def doubled(_: nn.Module, __: Any, result: torch.Tensor) -> torch.Tensor:
        return 2 * result

    def halved(_: nn.Module, __: Any, result: torch.Tensor) -> torch.Tensor:
        return result / 2

    assert content(hooked(doubled)) == content(hooked(doubled)) != content(hooked(halved))
