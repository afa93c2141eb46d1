"""The captured network as a list of steps: one step for each tensor that the deployed file will hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from ..core.arrays import only
from ..core.image import Deployment, InputSpec
from .ops.table import OPS

T = TypeVar("T")
Activation = Literal["", "relu", "relu6", "relu1"]
TOPS: dict[str, float] = {"relu6": 6.0, "relu1": 1.0}  # where an activation ends above; all begin at 0
SCORES = "scores"  # the output of a classifier whose source has no name for it
Visit = Callable[[str, torch.Tensor], None]


@dataclass(frozen=True)
class Step:
    """One operation after fusion. It makes the tensor `name` from the tensors `inputs`."""

    name: str
    kind: str  # a row of the op table
    inputs: tuple[str, ...]
    shape: tuple[int, ...]  # of the result, without the batch; NCHW without N for images
    attrs: Mapping[str, Any] = field(default_factory=dict)
    layer: str = ""  # module path of the weights; for an op without weights, of the module it was written in
    activation: Activation = ""  # fused behind the operation

    @property
    def weighted(self) -> bool:
        return OPS[self.kind].rule == "weights"


@dataclass(frozen=True)
class Output:
    """A tensor that is returned, and what it is called outside; `shape` without the batch."""

    name: str
    tensor: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """Steps in execution order. The tensor `input` is given, the tensors of `outputs` are returned."""

    input: str
    input_shape: tuple[int, ...]
    outputs: tuple[Output, ...]
    steps: tuple[Step, ...]

    @property
    def only(self) -> Output:
        """The one output there is, for what knows class scores alone. Raises BadModel where there are several."""
        return only({output.name: output for output in self.outputs})

    @property
    def returned(self) -> frozenset[str]:
        """The tensors that are returned: whatever reads them too, somebody outside does."""
        return frozenset(output.tensor for output in self.outputs)

    @property
    def ends_in_softmax(self) -> bool:
        """Whether the class scores are probabilities."""
        return any(step.kind == "softmax" for step in self.steps if step.name == self.only.tensor)

    def results(self, values: Mapping[str, T]) -> dict[str, T]:
        """Output name -> value, from the values of the tensors."""
        return {output.name: values[output.tensor] for output in self.outputs}

    def shape(self, tensor: str) -> tuple[int, ...]:
        if tensor == self.input:
            return self.input_shape
        return next(s.shape for s in self.steps if s.name == tensor)

    @property
    def tensors(self) -> tuple[str, ...]:
        return (self.input, *(s.name for s in self.steps))

    @property
    def layers(self) -> tuple[Step, ...]:
        """The steps that have weights, in order."""
        return tuple(s for s in self.steps if s.weighted)

    def users(self, tensor: str) -> tuple[Step, ...]:
        return tuple(s for s in self.steps if tensor in s.inputs)


class Network(nn.Module):
    """The captured network, runnable: the program, and its layers under their module paths.

    BatchNorm is folded; dropout is gone. float32 `(N, C, H, W)` in, every output by name out, any N.
    """

    def __init__(self, program: Program, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.program = program
        self.layers = nn.ModuleDict({mangle(name): module for name, module in layers.items()})

    def layer(self, name: str) -> nn.Conv2d | nn.Linear:
        return self.layers[mangle(name)]  # type: ignore[return-value]

    def running(self, program: Program, new: Mapping[str, nn.Module] | None = None) -> Network:
        """`program` on these layers, which are shared; `new` holds those that stand in their place or beside them."""
        layers = {s.layer: (new or {}).get(s.layer) or self.layer(s.layer) for s in program.layers}
        return Network(program, layers).train(self.training)

    def run_step(self, step: Step, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        module = self.layer(step.layer) if step.weighted else None
        result = OPS[step.kind].run(step.attrs, module, *(values[name] for name in step.inputs))
        return activate(result, step.activation)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.program.results(self.run_all(x))

    def tensors(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Every tensor by name."""
        return self.run_all(x, keep=True)

    def run_all(self, x: torch.Tensor, keep: bool = False, visit: Visit | None = None) -> dict[str, torch.Tensor]:
        """Every tensor by name if `keep`; else each is dropped after its last use, all but the outputs.

        `visit(name, value)` is shown every tensor, the input first.
        """
        values = {self.program.input: x}
        last = {} if keep else last_uses(self.program)
        if visit:
            visit(self.program.input, x)
        for step in self.program.steps:
            values[step.name] = self.run_step(step, values)
            if visit:
                visit(step.name, values[step.name])
            for name in last.get(step.name, ()):
                del values[name]
        return values


@dataclass(frozen=True)
class Captured:
    """A network ready to be quantized, and what must travel with it."""

    network: Network
    inputs: InputSpec
    classes: tuple[str, ...]
    deployed: Deployment = field(default_factory=Deployment)

    @property
    def program(self) -> Program:
        return self.network.program


def mangle(path: str) -> str:
    """A module path as a key of nn.ModuleDict, which takes no dots."""
    return path.replace(".", "/")


def activate(x: torch.Tensor, activation: Activation) -> torch.Tensor:
    if activation == "relu":
        return torch.relu(x)
    return torch.clamp(x, 0, TOPS[activation]) if activation in TOPS else x


def last_uses(program: Program) -> dict[str, tuple[str, ...]]:
    """Step name -> tensors that nobody reads after it, inside or outside."""
    last: dict[str, str] = {}
    for step in program.steps:
        last.update(dict.fromkeys(step.inputs, step.name))
    out: dict[str, tuple[str, ...]] = {}
    for tensor, step_name in last.items():
        if tensor not in program.returned:
            out[step_name] = (*out.get(step_name, ()), tensor)
    return out
