"""A .tflite, ours or anyone's, read back into the canonical program: the inverse of emit.py.

An integer file comes back with the integers it stores: the parameters of every activation, the weights as they
are, and float weights and biases from which the same integers are made again. What comes back therefore lowers
to the same file, and the integer executor computes what the runtime does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ....core.errors import BadFile
from ....core.foreign import foreign, reads
from ....core.grid import WeightQ
from ....core.image import Deployment, InputSpec
from ....core.pixels import raw_bytes
from ....core.preprocess import from_pixel_record
from ....graph.program import SCORES, Captured, Network, Output, Program, Step
from ....quantization.reference import Reference
from ....recipe.scheme import LayerFate, RecipeKind
from ..graph import FileGraph, load_graph
from .builder import Builder, qparams
from .operators import READERS
from .weights import Weight

RAW = ((0.0,), (1 / 255,))  # mean and std of a network that sees 0..255
KINDS: tuple[tuple[str, RecipeKind], ...] = (("direct", "dynamic"), ("dequantized", "weight-only"))


@dataclass(frozen=True)
class Imported:
    """A file as the rest of edgequant knows networks, and how its tensors map to the file's."""

    reference: Reference
    graph: FileGraph
    makers: Mapping[str, int]  # the program's tensor -> the file's that holds it, its integers where it has both

    @property
    def names(self) -> dict[int, str]:
        """The file's tensors by the names they have here."""
        return {index: name for name, index in self.makers.items()}

    @property
    def quantizes_input(self) -> bool:
        """Whether the file takes floats and its first operator makes integers of them."""
        return self.reference.captured.program.input in self.makers


def read_reference(
    path: Path, mean: tuple[float, ...] | None = None, std: tuple[float, ...] | None = None
) -> Reference:
    """The file's network with its final integer parameters. See `read`."""
    return read(path, mean, std).reference


@reads("a .tflite")
def read(path: Path, mean: tuple[float, ...] | None = None, std: tuple[float, ...] | None = None) -> Imported:
    """`mean` and `std` (of pixels / 255) are for a file without edgequant's metadata.

    Without them the network of such a file is taken to see raw pixels, 0..255; one with an 8-bit input, raw bytes.
    Raises BadFile: no .tflite, or one with an operator that the op table cannot say.
    """
    graph = load_graph(path)
    b = Builder(graph)
    source = graph.tensors[graph.input]
    inputs = input_spec(graph, mean, std)
    b.alias[source.index] = b.name(source.name or "image")
    if source.integer:
        b.activations[b.alias[source.index]] = qparams(source)
    for operator in graph.operators:
        if operator.name not in READERS:
            graph.refuse(operator, "has no row in the op table")
        if operator.refusal:
            graph.refuse(operator, operator.refusal)
        READERS[operator.name](b, operator)
    return Imported(_reference(b, inputs), graph, b.makers)


def input_spec(
    graph: FileGraph, mean: tuple[float, ...] | None = None, std: tuple[float, ...] | None = None
) -> InputSpec:
    """What the file takes: from edgequant's metadata, else the arguments, else raw pixels. Raises BadFile."""
    shape, tensor = image_shape(graph), graph.tensors[graph.input]
    if graph.metadata:
        with foreign(graph.path, "a .tflite of edgequant's"):
            return from_pixel_record(shape, graph.metadata)
    raw = RAW
    if tensor.integer and tensor.type != "int16":
        raw = raw_bytes(float(tensor.scale[0]), int(tensor.zero_point[0]), tensor.type)
    return InputSpec(*shape, mean=mean or raw[0], std=std or raw[1])


def image_shape(graph: FileGraph) -> tuple[int, int, int]:
    """(C, H, W) of what the file takes. Raises BadFile."""
    shape = graph.tensors[graph.input].shape
    if len(shape) != 4 or shape[0] != 1:
        raise BadFile(f"{graph.path} takes {shape}; an image (1, H, W, C) was expected.")
    first, second, third = shape[1:]
    return (first, second, third) if graph.metadata.get("layout") == "NCHW" else (third, first, second)


def _reference(b: Builder, inputs: InputSpec) -> Reference:
    if not any(b.integer.values()):
        b.activations.clear()  # at most the bytes of the input of a float network, which are floats at once
    program, kind = _program(b, inputs), _kind(b)
    network = Network(program, b.layers).eval()
    _check_shapes(b.graph, network)
    weights = {name: w.q for name, w in b.weights.items() if w.q is not None and _stored_as(kind, w)}
    recipe = str(b.graph.metadata.get("recipe") or _recipe(kind, b, weights))
    captured = Captured(network, inputs, tuple(b.graph.metadata.get("classes", ())), _deployment(b))
    fates = tuple(_fate(step, kind, b.weights[step.layer], step.layer in weights, b) for step in program.layers)
    reference = Reference(captured, recipe, kind, b.activations, weights, fates)
    _check_domains(b, reference)
    return reference


def _program(b: Builder, inputs: InputSpec) -> Program:
    graph = b.graph
    if graph.output not in b.alias or not b.steps:
        raise BadFile(f"{graph.path}: the output does not come from the image. Fetch or make the file again.")
    output = b.alias[graph.output]
    if output in b.flattened or len(graph.tensors[graph.output].shape) != 2:
        raise BadFile(
            f"{graph.path} returns {graph.tensors[graph.output].shape}; class scores (1, classes) were expected."
        )
    if (
        graph.tensors[graph.input].type == "float32"
        and b.alias[graph.input] in b.activations
        and len(graph.readers(graph.input)) > 1
    ):
        raise BadFile(f"{graph.path} reads its float input both as it is and rounded; one of them was expected.")
    returned = (Output(SCORES, output, next(step.shape for step in b.steps if step.name == output)),)
    return Program(b.alias[graph.input], inputs.shape, returned, tuple(b.steps))


def _check_shapes(graph: FileGraph, network: Network) -> None:
    """The net under everything above: every tensor has the shape that the file gives it. Raises BadFile."""
    program = network.program
    try:
        with torch.inference_mode():
            made = network.run_all(torch.zeros(1, *program.input_shape), keep=True)
    except RuntimeError as error:
        raise BadFile(f"{graph.path}: its operators do not fit together: {str(error).splitlines()[0]}.") from error
    for step in program.steps:
        if tuple(made[step.name].shape[1:]) != step.shape:
            raise BadFile(
                f"{graph.path}: {step.name} has the shape {step.shape} in the file, and its operator makes"
                f" {tuple(made[step.name].shape[1:])}."
            )


def _check_domains(b: Builder, reference: Reference) -> None:
    """Integers are computed where the file does so, and nowhere else. Raises BadFile."""
    for step in reference.captured.program.steps:
        if reference.runs_in_integers(step) != b.integer[step.name]:
            raise BadFile(
                f"{b.graph.path}: {step.name} is computed in floats between integer tensors, or the other way round;"
                " edgequant's graph has one form for each. evaluate, benchmark, predict and inspect work."
            )


def _deployment(b: Builder) -> Deployment:
    """What the border has that the recipe would not give."""
    kinds = {}
    for side, index in (("input", b.graph.input), ("output", b.graph.output)):
        own = b.activations.get(b.alias[index])
        inner = "float32" if own is None else "int16" if own.bits > 8 else "int8"
        kinds[side] = "" if b.graph.tensors[index].type == inner else b.graph.tensors[index].type
    return Deployment(**kinds, layout="nchw" if b.graph.metadata.get("layout") == "NCHW" else "")


def _kind(b: Builder) -> RecipeKind:
    styles = {w.style for w in b.weights.values()}
    if b.activations:
        return "static"
    for style, kind in KINDS:
        if style in styles:
            return kind
    return "float16" if styles == {"float16"} else "float32"


def _stored_as(kind: RecipeKind, weight: Weight) -> bool:
    """Whether emit.py would write the layer's integers as this file does; else it is a float layer of these values."""
    return weight.style == ("dequantized" if kind == "weight-only" else "direct")


def _recipe(kind: RecipeKind, b: Builder, weights: Mapping[str, WeightQ]) -> str:
    """A name for what another tool made."""
    bits = min((w.bits for w in weights.values()), default=8)
    if kind == "static":
        return f"w{bits}a{max(p.bits for p in b.activations.values())}"
    return {"dynamic": f"dynamic-w{bits}", "weight-only": f"w{bits}"}.get(kind, kind)


def _fate(step: Step, kind: RecipeKind, weight: Weight, quantized: bool, b: Builder) -> LayerFate:
    if not quantized or weight.q is None:
        bits = {"float16": 16, "float32": 32}.get(kind)
        return LayerFate(step.layer, step.kind, bits, None, "", "float", "the file holds floats there")
    granularity = "per channel" if len(weight.q.scale) > 1 else "per tensor"
    bits = b.activations[step.name].bits if b.integer[step.name] else None
    fate = {"static": "quantized", "dynamic": "quantized on the fly"}.get(kind, "weights only")
    return LayerFate(step.layer, step.kind, weight.q.bits, bits, granularity, fate)
