"""LiteRT (TensorFlow Lite): a .tflite written straight from the reference graph, and run by its interpreter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from ...core.arrays import Array
from ...core.errors import Unsupported
from ...core.preprocess import pixel_record
from ...recipe.scheme import MIRRORED, Capability, Lack
from ...store.artifact import Artifact, write_artifact
from ..contract import AbstractBackend, AbstractMirror, AbstractSession, Ending, Entry, Operators, Unreadable

if TYPE_CHECKING:
    from ...core.image import InputSpec
    from ...graph.program import Captured
    from ...quantization.reference import Reference
    from ...quantization.simulation.arithmetic import Pick

METADATA = "edgequant"  # the name of the metadata entry that holds mean, std, classes and the recipe


@final
@dataclass(frozen=True)
class LiteRT(AbstractBackend):
    """LiteRT's interpreter on the CPU, with XNNPACK (its default) or without any delegate."""

    delegate: bool = True

    capability: ClassVar[Capability] = Capability(
        kinds=frozenset({"float32", "float16", "dynamic", "weight-only", "static"}),
        weight_bits=frozenset({2, 4, 8}),
        activation_bits=frozenset({8, 16}),
        lacks=(
            Lack("op:conv2d", frozenset({2}), frozenset({8, 16}), "Give convolutions 4 or 8 bits"),
            Lack("depthwise", frozenset({2, 4}), frozenset({16}), "Give depthwise layers 8 bits: it misreads fewer"),
        ),
        layout="NHWC",
        suffix=".tflite",
        gate=MIRRORED,
    )

    def lower(self, reference: Reference, path: Path, slim: bool = True) -> Artifact:
        from ..tflite.write.emit import emit
        from ..tflite.write.emitter import Emitter
        from ..tflite.writer import Writer

        writer = Writer(slim)
        emitter = Emitter(reference, writer)
        source, sink = emit(emitter)
        data = writer.finish({"image": source}, {"scores": sink}, {METADATA: metadata(reference)})
        if reference.kind == "static" and not reference.float_layers and _all_integers(reference):
            _check_integer(writer, emitter.border)
        names = {i: t.name for i, t in enumerate(writer.tensors) if t.name}
        path.with_suffix(".names.json").write_text(json.dumps(names))
        return write_artifact(path, data)

    def arithmetic(self, reference: Reference, path: Path) -> Pick:
        """What XNNPACK took of this very file, and the builtin kernels for the rest."""
        from ...quantization.simulation.kernels.pick import arithmetic_for
        from .session import Session

        session = Session(path, 1, self.delegate)
        return arithmetic_for(session.delegated_floats() if reference.kind == "dynamic" else session.delegated())

    def open(self, path: Path, threads: int = 1) -> AbstractSession:
        from .session import Session

        return Session(path, threads, self.delegate)

    def inspect(self, path: Path) -> Mapping[str, Any]:
        from ..tflite.inspect import inspect

        return inspect(path)

    def integers(self, path: Path, inputs: Array) -> Mapping[str, Array]:
        from .session import Session

        return Session(path, 1, self.delegate, preserve=True).run_all(inputs)

    def entry(self, path: Path) -> Entry:
        from .finished import entry

        return entry(path)

    def ending(self, path: Path) -> Ending:
        from ..tflite.inspect import ending

        return ending(path)

    def read(self, path: Path, inputs: InputSpec, like: Captured | None = None) -> Reference | Unreadable:  # noqa: ARG002
        """By its operators, whoever made it; `like` is not looked at."""
        from .finished import read

        return read(path, inputs)

    def operators(self, path: Path, kernels: Mapping[str, int]) -> Operators | Unreadable:
        from .finished import operators

        return operators(path, kernels)

    def mirror(self, path: Path, inputs: InputSpec) -> AbstractMirror:
        """Raises BadFile where the file has an operation that is not in the op table."""
        from ..tflite.read.read import read
        from .mirror import Mirror

        return Mirror(read(path, inputs.mean, inputs.std))


def metadata(reference: Reference) -> bytes:
    """What an app must know to feed the file and read its answer."""
    from ..tflite.write.border import border_record

    record = {
        **pixel_record(reference.captured.inputs),
        **border_record(reference),
        "classes": reference.captured.classes,
        "recipe": reference.recipe,
    }
    return json.dumps(record, separators=(",", ":")).encode()


def _all_integers(reference: Reference) -> bool:
    """Whether the recipe leaves no operation in float, with weights or without."""
    return all(tensor in reference.activations for tensor in reference.captured.program.tensors)


def _check_integer(writer: Any, border: set[int]) -> None:
    """A full-integer file has no float tensor but those an app asked for. Raises Unsupported where one slipped in."""
    from ai_edge_litert.schema_py_generated import TensorType

    inner = [t for i, t in enumerate(writer.tensors) if i not in border]
    floats = [t.name or "(unnamed)" for t in inner if t.type in (TensorType.FLOAT32, TensorType.FLOAT16)]
    if floats:
        raise Unsupported(
            f"The full-integer file would hold float tensors: {', '.join(floats[:5])}. Use a mixed recipe."
        )
