"""A Keras model as a PyTorch network of the same layers, under the names that its author gave them.

The graph that Keras keeps of a Sequential or Functional model is walked once. What comes out carries its judge, the
model itself: a wrong translation is refused by the source check, never used.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from ....core.errors import BadModel
from ....core.image import InputSpec
from .judge import KerasJudge, Pixels
from .layers import LAYERS, affine_of
from .modules import Chw, KerasOrder
from .operations import operation
from .package import graph_of, import_keras
from .site import KerasCall, Parts
from .table import kind_of, reads_layout


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


def translate(model: Any, skip: bool = True) -> tuple[KerasNetwork, Pixels | None]:
    """The network, and (mean, std) of pixels / 255 that its leading Rescaling and Normalization layers amount to.

    With `skip` those layers are left out of the network: what they do is for the model's record, once.
    None where there are no such layers (or they are kept). Raises BadModel.
    """
    graph = graph_of(model)
    walk = _Walk(graph, _channels_last(graph))
    pixels = walk.skip_preprocessing() if skip else None
    walk.run()
    if walk.result is not None:
        raise BadModel(
            f"The Keras model {graph.name!r} ends in a flattened image; class scores were expected. End it in a Dense"
            " layer, or in GlobalAveragePooling2D."
        )
    return walk.network(), pixels


def preprocessing(model: Any) -> Pixels | None:
    """(mean, std) of pixels / 255 that the layers at the model's head amount to; None where there are none."""
    graph = graph_of(model)
    return _Walk(graph, _channels_last(graph)).skip_preprocessing()


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


Named = tuple[list[str], Chw | None]  # a layer's modules, and the image that its result, a vector, was


@dataclass
class _Walk:
    """`image`: the input is a vector that was this image, and lies in (C, H, W) order."""

    graph: Any
    channels_last: bool
    image: Chw | None = None
    modules: dict[str, nn.Module] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)  # id of a Keras tensor -> value
    flat: dict[int, Chw] = field(default_factory=dict)  # value -> the image that the vector was
    translated: dict[Any, Named] = field(default_factory=dict)  # a layer, and the shapes that it was called on
    shown: dict[str, int] = field(default_factory=dict)  # name of a Keras layer -> the value that it makes
    count: int = 0

    def __post_init__(self) -> None:
        for source in self.graph._inputs:
            self.numbers[id(source)] = self._new()
        if self.image is not None:
            self.flat[0] = self.image
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

    @property
    def result(self) -> Chw | None:
        """The image that the model's output, a vector, was."""
        return self.flat.get(self.numbers[id(self.graph._outputs[0])])

    # Preprocessing

    def skip_preprocessing(self) -> Pixels | None:
        """Leave out the layers that scale the image channel by channel; what they amount to."""
        source = self.graph._inputs[0]
        gain, shift, found = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64), False
        while (node := self._only_reader(source)) is not None:
            if kind_of(node.operation) not in ("Rescaling", "Normalization"):
                break
            affine = affine_of(self._site(node))
            if affine is None or not bool((affine[0] > 0).all()):
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
        layer, site = node.operation, self._site(node)
        _check_call(node, site)
        inputs = tuple(self.numbers[id(s)] for s in node.arguments.keras_tensors)
        flats = [self.flat.get(i) for i in inputs]
        key = (id(layer), site.inputs, site.flat)  # on other sizes SAME pads otherwise
        names, result = self.translated.get(key) or self._made(node, site)
        self.translated[key] = names, result
        for name in names:
            self.calls.append(Call(name, inputs, self._new()))
            inputs = (self.calls[-1].output,)
        self.numbers[id(node.outputs[0])] = self.shown[layer.name] = inputs[0]
        self._note_order(site, flats, result, inputs[0])

    def _site(self, node: Any) -> KerasCall:
        """Raises BadModel for a layer that makes several tensors, or has an option that is refused."""
        layer, sources = node.operation, node.arguments.keras_tensors
        if len(node.outputs) != 1:
            raise BadModel(f"The Keras layer {layer.name!r} makes {len(node.outputs)} tensors; one was expected.")
        shapes = tuple(self._shape(s, layer) for s in sources)
        flat = self.flat.get(self.numbers[id(sources[0])]) if id(sources[0]) in self.numbers else None
        return KerasCall(layer, shapes, self._shape(node.outputs[0], layer), self.channels_last, flat)

    def _made(self, node: Any, site: KerasCall) -> Named:
        if not _is_model(site.layer):
            return self._register(site.layer.name, self._parts(node, site)), None
        inner = _Walk(graph_of(site.layer), self.channels_last, site.flat)
        inner.run()
        return self._register(site.layer.name, [("", inner.network())]), inner.result

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

    def _parts(self, node: Any, site: KerasCall) -> Parts:
        layer = site.layer
        if site.kind == "Lambda":
            site.refuse("holds code", "layers that are data")
        if not isinstance(layer, nn.Module):  # keras.ops, some of whose names are layers' too
            return operation(node, site)
        if site.kind in LAYERS and reads_layout(layer):
            assert site.get("data_format") == ("channels_last" if self.channels_last else "channels_first")
        if site.kind in LAYERS:
            return LAYERS[site.kind](site)
        # A layer of Keras' or the user's own, as it is: capture judges its operations.
        return [("", KerasOrder(layer, self.channels_last, isinstance(node.arguments.args[0], list | tuple)))]

    def _register(self, name: str, parts: Parts) -> list[str]:
        """Under the layer's name; one that PyTorch's modules or another layer have taken gets an underscore."""
        base = name.replace(".", "_").replace("/", "_")
        while any(_taken(self.modules, base + suffix) for suffix, _ in parts):
            base += "_"
        self.modules.update({base + suffix: module for suffix, module in parts})
        return [base + suffix for suffix, _ in parts]

    def _note_order(self, site: KerasCall, flats: list[Chw | None], result: Chw | None, output: int) -> None:
        """A flattened image stands in another order here than in Keras; elementwise layers keep it so."""
        kind, image = site.kind, site.inputs[0]
        if kind in ("Flatten", "Reshape") and len(image) == 3 and len(site.output) == 1:
            natural = kind == "Reshape" and not site.channels_last
            if image[0] > 1 and image[1] * image[2] > 1 and not natural:
                self.flat[output] = (image[0], image[1], image[2])
        elif _is_model(site.layer):
            if result is not None:
                self.flat[output] = result
        elif any(flats) and (kind not in ("Dense", *ELEMENTWISE) or len(flats) > 1):
            site.refuse("reads a flattened image", "a dense layer, an activation or dropout behind Flatten")
        elif flats[0] is not None and kind in ELEMENTWISE:
            self.flat[output] = flats[0]


ELEMENTWISE = ("Activation", "Dropout", "ReLU", "LeakyReLU", "ELU", "Identity", "GaussianNoise", "GaussianDropout")


def _is_model(layer: Any) -> bool:
    return hasattr(layer, "_nodes_by_depth") or hasattr(layer, "_functional")


def _check_call(node: Any, site: KerasCall) -> None:
    """Raises BadModel for a layer that is called with more than its tensors: a mask.

    `training=` has no effect: `predict`, and the judge, call the whole model with training=False, which goes first.
    """
    if not hasattr(site.layer, "dtype_policy"):
        return  # an operation, whose arguments are looked at where it is read
    plain = [a for a in node.arguments.args[1:] if a is not None]
    named = {k: v for k, v in node.arguments.kwargs.items() if v is not None and k != "training"}
    if plain or named:
        said = ", ".join([*map(str, plain), *(f"{k}={v}" for k, v in named.items())])[:60]
        site.refuse(f"is called with {said}", "one that is called on its input alone")


def _taken(modules: dict[str, nn.Module], name: str) -> bool:
    return name in modules or hasattr(KerasNetwork, name) or hasattr(nn.Module(), name.partition(".")[0])


def _channels_last(graph: Any) -> bool:
    """The layout of images in the model. Raises BadModel where layers disagree."""
    found = _layouts(graph)
    if len(found) > 1:
        raise BadModel("The Keras model mixes channels_last and channels_first layers; one of them was expected.")
    return found != {"channels_first"}


def _layouts(graph: Any) -> set[str]:
    """What its layers work on, models inside it too."""
    found: set[str] = set()
    for layer in graph._operations:
        if _is_model(layer):
            found |= _layouts(graph_of(layer))
        elif reads_layout(layer) and layer.data_format is not None:
            found.add(layer.data_format)
    return found


def _as_pixels(gain: torch.Tensor, shift: torch.Tensor) -> Pixels:
    """`gain * pixel + shift == (pixel / 255 - mean) / std`."""
    std = 1 / (255 * gain) + 0 * shift  # a number beside one a channel becomes one a channel
    return tuple((-shift * std).tolist()), tuple(std.tolist())
