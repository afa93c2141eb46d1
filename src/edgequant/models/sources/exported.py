"""A program that torch.export.save wrote (`.pt2`), read without running what a file may bring.

torch.export.load unpickles without restriction what it cannot read otherwise, loads compiled libraries that an
archive holds, and evaluates the expressions of its sizes. So the archive is looked through first: only entries that
are data, tensors that load as weights only, and expressions of plain arithmetic.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import fx, nn

from ...core.errors import BadModel
from ...core.foreign import check_archive_size, foreign
from ...core.image import InputSpec
from ...core.pixels import merged, stated_of
from ..model import AbstractModel

# What an archive of data holds, behind the name of the folder in it.
ENTRIES = re.compile(
    r"(data/(weights/weight_\d+|constants/tensor_\d+|(weights|constants)/\w+_config\.json|sample_inputs/\w+\.pt)"
    r"|models/\w+\.json|archive_(format|version)|byteorder|\.data/(version|serialization_id|\w+))"
)
# What sizes are made of: numbers, symbols, and the functions that torch.export writes.
WORDS = re.compile(
    r"[su]\d+|u\d+|Symbol|Integer|positive|integer|True|False|Add|Mul|Pow|Max|Min|Mod|PythonMod|FloorDiv|CeilDiv"
    r"|CleanDiv|ModularIndexing|evaluate"
)
HOW = "Write it again with torch 2.13: torch.export.save(torch.export.export(model.eval(), (x,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)), 'model.pt2')."  # fmt: skip  # noqa: E501


class ExportedNetwork(nn.Module):
    """The program as a module. Its mode is the one it was exported in, whatever `train` and `eval` ask for."""

    def __init__(self, program: fx.GraphModule) -> None:
        super().__init__()
        self.exported = program  # capture reads its graph as it is, with the module paths that its author knows

    def train(self, mode: bool = True) -> ExportedNetwork:
        self.training = mode
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.exported(x)  # type: ignore[no-any-return]


@final
@dataclass(frozen=True)
class Exported(AbstractModel):
    """`path` is the `.pt2`, exported in evaluation mode with a dynamic batch. It says its size; the others say how
    pixels become its input (core/pixels.py).
    """

    path: str = ""
    mean: str = ""
    std: str = ""
    channels: str = ""
    fit: str = ""
    has_weights = True

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:  # noqa: ARG002
        spec = InputSpec(*_image_shape(self._load(), self.path), mean=(), std=())
        return merged(spec, stated_of(self), self.path)

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:  # noqa: ARG002
        program = self._load().module(check_guards=False)
        return ExportedNetwork(program)

    def _load(self) -> Any:
        path = Path(self.path).expanduser()
        if not path.is_file():
            raise BadModel(f"There is no file {self.path!r}. Expected a program of torch.export: exported:model.pt2.")
        check_archive(path)
        try:
            return torch.export.load(path)
        except Exception as error:  # a damaged archive can raise anything at all
            said = " ".join(str(error).split())[:160].rstrip(".")
            raise BadModel(f"{path} cannot be read by torch.export: {said}. {HOW}") from error


def check_archive(path: Path) -> None:
    """Raises BadModel where the file is no archive of torch.export, or holds more than data."""
    check_archive_size(path, BadModel)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = ((name.partition("/")[2], archive.read(name)) for name in archive.namelist())
            with foreign(path, "a program of torch.export", BadModel):
                for name, data in entries:
                    _check_entry(path, name, data)
    except (zipfile.BadZipFile, OSError) as error:
        raise BadModel(f"{path} is damaged or no archive of torch.export: {error}. {HOW}") from error


def _check_entry(path: Path, name: str, data: bytes) -> None:
    if not ENTRIES.fullmatch(name):
        raise BadModel(f"{path} holds {name!r}, which is not data of a program and could be code. {HOW}")
    config = json.loads(data).get("config", {}) if name.endswith("_config.json") else {}
    if any(entry.get("use_pickle") for entry in config.values()):
        raise BadModel(f"{path} holds weights that only unrestricted unpickling reads, which could run code. {HOW}")
    if name.endswith(".pt") and not _loads(data):
        raise BadModel(f"{path} holds {name!r}, which only unrestricted unpickling reads, which could run code. {HOW}")
    if name.startswith("models/"):
        for text in _expressions(json.loads(data)):
            if not _plain(text):
                raise BadModel(f"{path} has a size that is no plain arithmetic: {text[:80]!r}. {HOW}")


def _loads(data: bytes) -> bool:
    try:
        torch.load(io.BytesIO(data), weights_only=True)
    except Exception:  # whatever a hostile pickle raises
        return False
    return True


def _expressions(value: Any) -> Iterator[str]:
    """Every text in the program that torch.export evaluates."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "expr_str":
                yield str(inner)
            else:
                yield from _expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _expressions(inner)


def _plain(text: str) -> bool:
    words = re.findall(r"[A-Za-z_]\w*", text)
    return all(WORDS.fullmatch(word) for word in words) and bool(re.fullmatch(r"[\w\s'+\-*/%(),=]*", text))


def _image_shape(program: Any, path: str) -> tuple[int, int, int]:
    """(C, H, W) of the program's one input. Raises BadModel."""
    names = set(program.graph_signature.user_inputs)
    shapes = [n.meta["val"].shape for n in program.graph.nodes if n.op == "placeholder" and n.name in names]
    if len(shapes) != 1 or len(shapes[0]) != 4 or not all(isinstance(d, int) for d in shapes[0][1:]):
        raise BadModel(f"{path} takes {[tuple(map(str, s)) for s in shapes]}; one image (N, C, H, W) was expected.")
    if isinstance(shapes[0][0], int):
        raise BadModel(f"{path} was exported for batches of {shapes[0][0]}; a dynamic batch was expected. {HOW}")
    return tuple(int(d) for d in shapes[0][1:])  # type: ignore[return-value]
