"""A .tflite opened in LiteRT's interpreter."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.arrays import Array, Outputs
from ...core.errors import BadFile, BadModel
from ...core.foreign import foreign
from ...host.process import ERRORS, quiet
from ..contract import AbstractSession, OutputInfo
from ..tflite.inspect import file_metadata, sidecar


class Session(AbstractSession):
    """One interpreter, batch 1. Images are fed NHWC, quantized with the file's own scale and zero point."""

    def __init__(self, path: Path, threads: int = 1, delegate: bool = True, preserve: bool = False) -> None:
        """`preserve` keeps all tensors readable, for `run_all`, at the price of splitting the delegate."""
        self.path = path
        self.interpreter = _open(path, threads, delegate, preserve)
        self.names = sidecar(path)
        with foreign(path, "a .tflite"):
            inputs, sinks = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        if len(inputs) != 1 or len(sinks) != 1:
            raise BadFile(f"{path} has {len(inputs)} inputs and {len(sinks)} outputs; one of each was expected.")
        self.source, self.sinks = inputs[0], tuple(sinks)
        shape = self.source["shape"]
        self.record = file_metadata(path)
        self.channels_last = _channels_last(tuple(shape), self.record.get("layout", ""))
        with foreign(path, "a .tflite"):
            self._outputs = tuple(_outputs(self.interpreter, sinks, self.record.get("output_scale", 0.0)))

    @property
    def outputs(self) -> tuple[OutputInfo, ...]:
        return self._outputs

    def run(self, inputs: Array) -> Outputs:
        return self.decode(list(self.run_quantized(inputs).values()))

    def decode(self, given: Sequence[Array]) -> Outputs:
        """By the tensors' own grids: of what the file dequantizes, `OutputInfo` tells a step, and these are floats."""
        reals: dict[str, Array] = {}
        for output, sink, values in zip(self.outputs, self.sinks, given):
            scale, zero_point = sink["quantization"]
            real = values.astype(np.float32)
            reals[output.name] = (real - zero_point) * np.float32(scale) if scale else real
        return reals

    def run_quantized(self, inputs: Array) -> Outputs:
        made: dict[str, list[Array]] = {output.name: [] for output in self.outputs}
        with foreign(self.path, f"a .tflite that takes {inputs.shape[1:]} images"):
            for image in self.encode(inputs):
                self.interpreter.set_tensor(self.source["index"], image[None])
                self.invoke()
                for values, sink in zip(made.values(), self.sinks):
                    values.append(self.interpreter.get_tensor(sink["index"])[0])
            return {name: np.array(values) for name, values in made.items()}

    def encode(self, inputs: Array) -> Array:
        """(N, C, H, W) float32 -> what the input tensor takes: ties to even, saturated."""
        images = np.ascontiguousarray(inputs.transpose(0, 2, 3, 1)) if self.channels_last else inputs
        scale, zero_point = self.source["quantization"]
        kind = self.source["dtype"]
        if not scale:
            return images.astype(kind)
        limits = np.iinfo(kind)
        steps: Array = np.rint(images / np.float32(scale)) + zero_point
        return np.clip(steps, limits.min, limits.max).astype(kind)

    def prepare(self, inputs: Array) -> None:
        self.interpreter.set_tensor(self.source["index"], self.encode(inputs))

    def invoke(self) -> None:
        try:
            self.interpreter.invoke()
        except RuntimeError as error:
            raise BadModel(f"LiteRT could not run the file: {_first_line(error)}.") from error

    def run_all(self, inputs: Array) -> dict[str, Array]:
        """Tensor name -> (N, ...) integers, in the file's layout, of every named integer tensor that an op computes.

        Needs `preserve`.
        """
        made = {name: tensor for name, tensor, _ in self._integers()}
        found: dict[str, list[Array]] = {name: [] for name in made}
        for image in self.encode(inputs):
            self.interpreter.set_tensor(self.source["index"], image[None])
            self.invoke()
            for name, tensor in made.items():
                found[name].append(self.interpreter.get_tensor(tensor)[0])
        return {name: np.array(values) for name, values in found.items()}

    def kernels(self) -> dict[str, Any]:
        """How many operators XNNPACK took, and by which name the others run."""
        return count_kernels(self.interpreter._get_ops_details())

    def counted(self, nodes: Any, files: Mapping[str, bytes]) -> dict[str, Any]:  # noqa: ARG002
        """`kernels` as another machine's interpreter told them."""
        return count_kernels(nodes)

    def delegated(self) -> frozenset[str]:
        """The names of the integer tensors that XNNPACK computes; the names of a slim file are in its sidecar map."""
        return frozenset(name for name, _, taken in self._integers() if taken)

    def delegated_floats(self) -> frozenset[str]:
        """The same of the float tensors: which kernels quantize their inputs on the fly depends on it."""
        return frozenset(name for name, _, taken in self._made(np.float32) if taken)

    def _integers(self) -> list[tuple[str, int, bool]]:
        """(name, index, whether XNNPACK computes it) of every named int8 or int16 tensor that an operator makes."""
        return self._made(np.int8, np.int16)

    def _made(self, *types: type) -> list[tuple[str, int, bool]]:
        kinds = {d["index"] for d in self.interpreter.get_tensor_details() if d["dtype"] in types}
        plain, taken = self._nodes()
        made = [(int(t), n["index"] in taken) for n in plain for t in n["outputs"]]
        return [(self.names[t], t, by) for t, by in made if t in kinds and t in self.names]

    def _nodes(self) -> tuple[list[dict[str, Any]], set[int]]:
        """The file's operators, and the indices of those that a delegate replaced."""
        return _split(self.interpreter._get_ops_details())


def _outputs(interpreter: Any, sinks: list[dict[str, Any]], step: float) -> Iterator[OutputInfo]:
    """By the names of the file's signatures, else of its tensors. `step`: of integers that the file dequantizes."""
    signatures = interpreter._get_full_signature_list().values()
    named = {index: name for signature in signatures for name, index in signature["outputs"].items()}
    for sink in sinks:
        scale, zero_point = sink["quantization"]
        shape = tuple(int(side) for side in sink["shape"][1:])
        name = named.get(sink["index"], sink["name"])
        yield OutputInfo(name, shape, np.dtype(sink["dtype"]).name, float(scale or step), int(zero_point))


def count_kernels(nodes: list[dict[str, Any]], delegate: str = "XNNPACK") -> dict[str, Any]:
    """{"delegated", "total", "by"} from the interpreter's own list of nodes, of this machine or another."""
    plain, taken = _split(nodes)
    by = Counter(n["op_name"] for n in plain if n["index"] not in taken)
    return {"delegated": len(taken), "total": len(plain), "by": {delegate: len(taken), **dict(sorted(by.items()))}}


def _split(nodes: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], set[int]]:
    """The file's operators, and the indices of those that a delegate replaced."""
    delegates = [n for n in nodes if n["op_name"] == "DELEGATE"]
    plain = [n for n in nodes if n["op_name"] != "DELEGATE"]
    return plain, set().union(*(_partition(d, plain) for d in delegates)) if delegates else set()


def _channels_last(shape: tuple[int, ...], layout: str) -> bool:
    """By the file's own record; of another tool's file, by where the few channels of a picture are."""
    if layout:
        return layout == "NHWC" and len(shape) == 4
    colours = (1, 3, 4)
    return len(shape) == 4 and (shape[-1] in colours or shape[1] not in colours)


def _partition(delegate: dict[str, Any], nodes: list[dict[str, Any]]) -> set[int]:
    """The nodes that a delegate replaced: all that lie between its outputs and its inputs."""
    maker = {int(tensor): node for node in nodes for tensor in node["outputs"]}
    given, waiting, taken = {int(t) for t in delegate["inputs"]}, [int(t) for t in delegate["outputs"]], set()
    while waiting:
        tensor = waiting.pop()
        node = maker.get(tensor)
        if tensor not in given and node is not None and node["index"] not in taken:
            taken.add(node["index"])
            waiting += [int(t) for t in node["inputs"]]
    return taken


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _open(path: Path, threads: int, delegate: bool, preserve: bool) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.BUILTIN if delegate else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    if not path.is_file():
        raise BadFile(f"There is no file {path}. Give the path of a .tflite file.")
    try:
        with quiet(ERRORS), warnings.catch_warnings():  # "Created XNNPACK delegate"; its errors come as exceptions
            warnings.simplefilter("ignore")  # that preserving tensors is experimental
            interpreter = Interpreter(
                str(path),
                num_threads=threads,
                experimental_op_resolver_type=kind,
                experimental_preserve_all_tensors=preserve,
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise BadFile(f"LiteRT cannot open {path}: {_first_line(error)}. Is it a whole .tflite file?") from error
    return interpreter
