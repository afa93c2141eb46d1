"""A random graph under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from conformance import Draws
from onnx import helper, numpy_helper


@dataclass
class Drawing(Draws):
    """A graph under way: `name` and `shape` are of the tensor that the next node reads, batch first."""

    opset: int
    shape: tuple[int, ...]
    name: str = "x"
    nodes: list[Any] = field(default_factory=list)
    stored: dict[str, np.ndarray] = field(default_factory=dict)

    def ints(self, low: int, high: int, count: int = 2) -> list[int]:
        return [self.int(low, high) for _ in range(count)]

    def floats(self, *shape: int) -> np.ndarray:
        return self.rng.normal(0, 1, shape).astype(np.float32)

    def const(self, value: Any, dtype: Any = None) -> str:
        """Stored as an initializer, or in a Constant node."""
        array = np.asarray(value, dtype)
        name = f"c{len(self.stored) + len(self.nodes)}"
        if self.chance(0.3):
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array)))
        else:
            self.stored[name] = array
        return name

    def add(self, kind: str, *inputs: str, results: int = 1, **attributes: Any) -> None:
        """Read `name` first, unless the inputs say otherwise; the last result becomes `name`."""
        outputs = [f"t{len(self.nodes)}_{i}" for i in range(results)]
        given = [self.name if i == "$" else i for i in (inputs or ("$",))]
        chosen = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(helper.make_node(kind, given, outputs, name=f"{kind}_{len(self.nodes)}", **chosen))
        self.name = outputs[int(self.rng.integers(results))]

    def maybe(self, value: Any, p: float = 0.5) -> Any:
        """An attribute, or None: left out."""
        return value if self.chance(p) else None

    @property
    def rank(self) -> int:
        return len(self.shape)
