"""A Keras model as a PyTorch network of the same layers, under the names that its author gave them.

The graph that Keras keeps of a Sequential or Functional model is walked once. What comes out carries its judge, the
model itself: a wrong translation is refused by the source check, never used.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from ..core.errors import BadModel
from ..core.records import InputSpec
from .keras_judge import KerasJudge, Pixels
from .keras_layers import LAYERS, affine_of
from .keras_modules import Chw, KerasOrder
from .keras_operations import operation
from .keras_package import import_keras
from .keras_site import Parts, Site


@dataclass(frozen=True)
class Call:
    """One call of a module: values by number, `frees` those that nobody reads later."""

    module: str
    inputs: tuple[int, ...]
    output: int
    frees: tuple[int, ...] = ()


class KerasNetwork(nn.Module):
    """float32 (N, C, H, W) in, what the model gives out. Its modules have the names of the Keras layers."""

    def __init__(
        self, modules: dict[str, nn.Module], calls: tuple[Call, ...], output: int, shown: dict[str, int] | None = None
    ) -> None:
        """`shown`: which value each Keras layer makes."""
        super().__init__()
        self.shown = shown or {}
        for name, module in modules.items():
            _place(self, name, module)
        self.calls, self.output = _with_frees(calls, output), output
        self.input_spec: InputSpec | None = None  # of a whole model in memory
        self.judge: KerasJudge | None = None  # Keras' own call, as long as the weights are those of the model

    @property
    def spec(self) -> InputSpec:
        assert self.input_spec is not None
        return self.input_spec

    def tensors(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """What each Keras layer makes, by the layer's name."""
        values = {0: x}
        for call in self.calls:
            values[call.output] = self.get_submodule(call.module)(*(values[i] for i in call.inputs))
        return {layer: values[number] for layer, number in self.shown.items() if number in values}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = {0: x}
        for call in self.calls:
            values[call.output] = self.get_submodule(call.module)(*(values[i] for i in call.inputs))
            for number in call.frees:
                del values[number]
        return values[self.output]


def _place(root: nn.Module, name: str, module: nn.Module) -> None:
    """Register under a name that may hold one dot."""
    holder, _, last = name.rpartition(".")
    if holder and not hasattr(root, holder):
        root.add_module(holder, nn.Module())
    (getattr(root, holder) if holder else root).add_module(last, module)


def _with_frees(calls: tuple[Call, ...], output: int) -> tuple[Call, ...]:
    last = {number: i for i, call in enumerate(calls) for number in call.inputs}
    last.pop(output, None)
    return tuple(
        Call(c.module, c.inputs, c.output, tuple(n for n in dict.fromkeys(c.inputs) if last.get(n) == i))
        for i, c in enumerate(calls)
    )


def graph_of(model: Any) -> Any:
    """The Functional graph of a model. Raises BadModel for one that only its code knows."""
    graph = getattr(model, "_functional", None) or model
    if not hasattr(graph, "_nodes_by_depth"):
        raise BadModel(
            f"{type(model).__name__} is a subclassed Keras model, or it was never built: it holds no graph of layers."
            " Build it as a Sequential or Functional model (keras.Model(inputs, outputs))."
        )
    return graph


def translate(model: Any, skip: bool = True) -> tuple[KerasNetwork, Pixels | None]:
    """The network, and (mean, std) of pixels / 255 that its leading Rescaling and Normalization layers amount to.

    With `skip` those layers are left out of the network: what they do is for the model's record, once.
    None where there are no such layers (or they are kept). Raises BadModel.
    """
    graph = graph_of(model)
    walk = _Walk(graph)
    pixels = walk.skip_preprocessing() if skip else None
    walk.run()
    return walk.network(), pixels


def preprocessing(model: Any) -> Pixels | None:
    """(mean, std) of pixels / 255 that the layers at the model's head amount to; None where there are none."""
    return _Walk(graph_of(model)).skip_preprocessing()


def input_shape(model: Any) -> tuple[int, int, int]:
    """(C, H, W). Raises BadModel where the model takes anything but one image of a known size."""
    graph = graph_of(model)
    shapes = [tuple(source.shape[1:]) for source in graph._inputs]
    if len(shapes) != 1 or len(shapes[0]) != 3 or None in shapes[0]:
        raise BadModel(
            f"The Keras model takes {', '.join(str((None, *s)) for s in shapes)}; one image of a known size was"
            " expected, (None, height, width, channels). Build it with keras.Input((224, 224, 3))."
        )
    first, second, third = (int(d) for d in shapes[0])
    return (third, first, second) if _channels_last(graph) else (first, second, third)


def judge_of(model: Any, skip: bool = True) -> KerasJudge:
    """Keras' own call of the model, for the network that `translate` makes of it; `skip` as there."""
    return KerasJudge(model, _channels_last(graph_of(model)), preprocessing(model) if skip else None)


def without_softmax(network: KerasNetwork) -> KerasNetwork:
    """The network without its last layer, a softmax, in place. Raises BadModel where it ends in something else."""
    last = network.calls[-1]
    if not isinstance(network.get_submodule(last.module), nn.Softmax) or last.output != network.output:
        raise BadModel("softmax=false was asked of a Keras model that does not end in a softmax. Leave it out.")
    network.calls, network.output = network.calls[:-1], last.inputs[0]
    if network.judge is not None:
        network.judge = replace(network.judge, model=_before_last(network.judge.model))
    return network


def _before_last(model: Any) -> Any:
    """The Keras model that ends where the input of its last layer is made."""
    graph = graph_of(model)
    (node,) = [n for n in graph._nodes_by_depth[0] if any(t is graph._outputs[0] for t in n.outputs)]
    before, layer = node.arguments.keras_tensors[0], node.operation
    if type(layer).__name__ in ("Softmax", "Activation"):
        return import_keras().Model(graph._inputs, before)
    bare = type(layer).from_config({**layer.get_config(), "activation": "linear"})  # a layer that ends in a softmax
    scores = bare(before)
    bare.set_weights(layer.get_weights())
    return import_keras().Model(graph._inputs, scores)


@dataclass
class _Walk:
    graph: Any
    modules: dict[str, nn.Module] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)  # id of a Keras tensor -> value
    flat: dict[int, Chw] = field(default_factory=dict)  # value -> the image that the vector was
    translated: dict[int, list[str]] = field(default_factory=dict)  # id of a layer -> its modules
    shown: dict[str, int] = field(default_factory=dict)  # name of a Keras layer -> the value that it makes
    count: int = 0

    def __post_init__(self) -> None:
        self.channels_last = _channels_last(self.graph)
        for source in self.graph._inputs:
            self.numbers[id(source)] = self._new()
        self.nodes = [n for depth in sorted(self.graph._nodes_by_depth, reverse=True) for n in self._at(depth)]

    def _at(self, depth: int) -> list[Any]:
        return [n for n in self.graph._nodes_by_depth[depth] if not n.is_input]

    def _new(self) -> int:
        self.count += 1
        return self.count - 1

    def network(self) -> KerasNetwork:
        inputs, outputs = self.graph._inputs, self.graph._outputs
        if len(inputs) != 1 or len(outputs) != 1:
            raise BadModel(
                f"The Keras model {self.graph.name!r} has {len(inputs)} inputs and {len(outputs)} outputs; one image"
                " and its class scores were expected. Give a model of one of each: keras.Model(image, scores)."
            )
        return KerasNetwork(self.modules, tuple(self.calls), self.numbers[id(outputs[0])], self.shown)

    # Preprocessing

    def skip_preprocessing(self) -> Pixels | None:
        """Leave out the layers that scale the image channel by channel; what they amount to."""
        source = self.graph._inputs[0]
        gain, shift, found = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64), False
        while (node := self._only_reader(source)) is not None:
            affine = affine_of(node.operation)
            if affine is None or type(node.operation).__name__ == "LayerScale" or not bool((affine[0] > 0).all()):
                break
            gain, shift, found = gain * affine[0], shift * affine[0] + affine[1], True
            source = node.outputs[0]
            self.numbers[id(source)] = 0
            self.nodes.remove(node)
        return _as_pixels(gain, shift) if found else None

    def _only_reader(self, source: Any) -> Any:
        readers = [n for n in self.nodes if any(t is source for t in n.arguments.keras_tensors)]
        return readers[0] if len(readers) == 1 else None

    # Layers

    def run(self) -> None:
        for node in self.nodes:
            self._visit(node)

    def _visit(self, node: Any) -> None:
        layer, sources = node.operation, node.arguments.keras_tensors
        if len(node.outputs) != 1:
            raise BadModel(f"The Keras layer {layer.name!r} makes {len(node.outputs)} tensors; one was expected.")
        inputs = tuple(self.numbers[id(s)] for s in sources)
        shapes = tuple(self._shape(s, layer) for s in sources)
        site = Site(layer, shapes, self._shape(node.outputs[0], layer), self.channels_last, self.flat.get(inputs[0]))
        names = self.translated.get(id(layer)) or self._register(layer.name, self._parts(node, site))
        self.translated[id(layer)] = names
        for name in names:
            self.calls.append(Call(name, inputs, self._new()))
            inputs = (self.calls[-1].output,)
        self.numbers[id(node.outputs[0])] = self.shown[layer.name] = inputs[0]
        self._note_order(site, self.calls[-len(names)].inputs[0], inputs[0])

    def _shape(self, tensor: Any, layer: Any) -> tuple[int, ...]:
        shape = tuple(tensor.shape[1:])
        if None in shape:
            raise BadModel(
                f"The Keras layer {layer.name!r} has a tensor of the shape {tuple(tensor.shape)}; known sizes were"
                " expected. Give size=, or build the model with an input shape."
            )
        if len(shape) == 3 and self.channels_last:
            shape = (shape[2], shape[0], shape[1])
        return tuple(int(d) for d in shape)

    def _parts(self, node: Any, site: Site) -> Parts:
        layer, kind = site.layer, type(site.layer).__name__
        if hasattr(layer, "_nodes_by_depth") or hasattr(layer, "_functional"):
            return [("", translate(layer, skip=False)[0])]
        if kind == "Lambda":
            site.refuse("holds code", "layers that are data")
        if not isinstance(layer, nn.Module):  # keras.ops, some of whose names are layers' too
            return operation(node, site)
        if kind in LAYERS:
            return LAYERS[kind](site)
        if not self.channels_last:
            site.refuse("is not among the layers that edgequant knows", f"one of {', '.join(sorted(LAYERS))}")
        return [("", KerasOrder(layer))]  # a layer of Keras' or the user's own, as it is: capture judges its operations

    def _register(self, name: str, parts: Parts) -> list[str]:
        """Under the layer's name; one that PyTorch's modules or another layer have taken gets an underscore."""
        base = name.replace(".", "_").replace("/", "_")
        while any(_taken(self.modules, base + suffix) for suffix, _ in parts):
            base += "_"
        self.modules.update({base + suffix: module for suffix, module in parts})
        return [base + suffix for suffix, _ in parts]

    def _note_order(self, site: Site, source: int, result: int) -> None:
        """A flattened image stands in another order here than in Keras; elementwise layers keep it so."""
        kind, image = type(site.layer).__name__, site.inputs[0]
        if kind in ("Flatten", "Reshape") and len(image) == 3 and len(site.output) == 1:
            natural = kind == "Reshape" and not site.channels_last
            if image[0] > 1 and image[1] * image[2] > 1 and not natural:
                self.flat[result] = (image[0], image[1], image[2])
        elif source in self.flat and kind not in ("Dense", *ELEMENTWISE):
            site.refuse("reads a flattened image", "a dense layer, an activation or dropout behind Flatten")
        elif source in self.flat and kind in ELEMENTWISE:
            self.flat[result] = self.flat[source]


ELEMENTWISE = ("Activation", "Dropout", "ReLU", "LeakyReLU", "ELU", "Identity", "GaussianNoise", "GaussianDropout")


def _taken(modules: dict[str, nn.Module], name: str) -> bool:
    return name in modules or hasattr(KerasNetwork, name) or hasattr(nn.Module(), name.partition(".")[0])


def _channels_last(graph: Any) -> bool:
    """The layout of images in the model. Raises BadModel where layers disagree."""
    found = {getattr(layer, "data_format", None) for layer in graph._operations} - {None}
    if len(found) > 1:
        raise BadModel("The Keras model mixes channels_last and channels_first layers; one of them was expected.")
    return found != {"channels_first"}


def _as_pixels(gain: torch.Tensor, shift: torch.Tensor) -> Pixels:
    """`gain * pixel + shift == (pixel / 255 - mean) / std`."""
    std = 1 / (255 * gain) + 0 * shift  # a number beside one a channel becomes one a channel
    return tuple((-shift * std).tolist()), tuple(std.tolist())
