"""A .tflite opened in LiteRT's interpreter."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.arrays import Array
from ...core.errors import BadFile, BadModel
from ...core.foreign import foreign
from ...host.process import ERRORS, quiet
from ..contract import AbstractSession
from ..tflite.inspect import file_metadata, sidecar


class Session(AbstractSession):
    """One interpreter, batch 1. Images are fed NHWC, quantized with the file's own scale and zero point."""

    def __init__(self, path: Path, threads: int = 1, delegate: bool = True, preserve: bool = False) -> None:
        """`preserve` keeps all tensors readable, for `run_all`, at the price of splitting the delegate."""
        self.path = path
        self.interpreter = _open(path, threads, delegate, preserve)
        self.names = sidecar(path)
        with foreign(path, "a .tflite"):
            inputs, outputs = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise BadFile(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; one of each was expected.")
        self.source, self.sink = inputs[0], outputs[0]
        shape = self.source["shape"]
        self.record = file_metadata(path)
        self.channels_last = _channels_last(tuple(shape), self.record.get("layout", ""))

    @property
    def output_scale(self) -> float:
        """Of the output, or of the integers that the file's last operator dequantizes."""
        return float(self.sink["quantization"][0] or self.record.get("output_scale", 0.0))

    def run(self, inputs: Array) -> Array:
        return self.decode(self.run_quantized(inputs))

    def decode(self, scores: Array) -> Array:
        """(N, classes) of the output tensor's type -> float32."""
        scale, zero_point = self.sink["quantization"]
        real: Array = (
            (scores.astype(np.float32) - zero_point) * np.float32(scale) if scale else scores.astype(np.float32)
        )
        return real

    def run_quantized(self, inputs: Array) -> Array:
        with foreign(self.path, f"a .tflite that takes {inputs.shape[1:]} images"):
            return np.array([self._scores(image) for image in self.encode(inputs)])

    def _scores(self, image: Array) -> Array:
        self.interpreter.set_tensor(self.source["index"], image[None])
        self.invoke()
        scores: Array = self.interpreter.get_tensor(self.sink["index"])[0]
        return scores

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
