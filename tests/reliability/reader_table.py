"""Every reader of a file that edgequant did not write itself, as a user reaches it: name -> what is done with a path.

`unsafe_pickle` is none of them: it shows that code which runs is noticed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

from edgequant import api
from edgequant.core.image import InputSpec
from edgequant.core.pixels import settled
from edgequant.data.classes.arrays import Arrays
from edgequant.data.classes.cifar import class_names, read_batches
from edgequant.data.classes.idx import read_idx
from edgequant.data.classes.synsets import read_synsets
from edgequant.data.decode import decode
from edgequant.files.files import inspect_file
from edgequant.files.parity import parity_file
from edgequant.files.trial import attempt, runnable
from edgequant.graph.capture.capture import capture
from edgequant.models.architectures.micro_cnn import MicroCNN
from edgequant.models.weights import load_weights
from edgequant.questions.compare import compare
from edgequant.recipe.recipe import load_recipe
from edgequant.store.folder import RunFolder
from edgequant.study.networks.sources import build_model
from edgequant.study.running.checks import check_names, check_networks
from edgequant.study.study import load_study

GREY = InputSpec(1, 8, 8)
IMAGE = InputSpec(3, 12, 12, resize=14)


def tried(path: Path) -> None:
    """As `evaluate`, `predict` and the others open a file: first in a process of its own."""
    runnable(path)
    attempt(path)


def start(path: Path) -> None:
    """The file as a network to start from, captured as `quantize` does."""
    model = build_model(f"{path},mean=0.5,std=0.5" if path.suffix == ".pt2" else str(path))
    inputs = settled(model.inputs(None), str(path))
    capture(model.build(inputs, 5), inputs, tuple("abcde"))


def study(path: Path) -> None:
    found = load_study(str(path))
    check_names(found)
    check_networks(found)


def value(path: Path) -> None:
    """A run folder whose step has this value.json."""
    with RunFolder(path.parent / "run", fresh=True) as folder:
        made = folder.step("one", {}, lambda _: {"x": 1}).folder
        (made / "value.json").write_bytes(path.read_bytes())
        folder.step("one", {}, lambda _: {"x": 1})


def report(path: Path) -> None:
    api.report(path.parent)


READERS: dict[str, Callable[[Path], object]] = {
    "advise": lambda path: api.advise(str(path.parent)),
    "arrays": lambda path: Arrays(str(path)).load(GREY),
    "cifar": lambda path: read_batches([path], b"labels", 10),
    "cifar_names": lambda path: class_names(path, b"label_names"),
    "compare": lambda path: compare(path, path.with_name("right.json")),
    "compare_new": lambda path: compare(path.with_name("right.json"), path),
    "idx": lambda path: read_idx(path, 3),
    "image": lambda path: decode(path, IMAGE),
    "inspect": inspect_file,
    "parity": lambda path: parity_file(path, None, 2),
    "recipe": load_recipe,
    "report": report,
    "run": attempt,
    "start": start,
    "study": study,
    "synsets": read_synsets,
    "tried": tried,
    "unsafe_pickle": lambda path: pickle.loads(path.read_bytes()),
    "value": value,
    "weights": lambda path: load_weights(MicroCNN().build(GREY, 10), path),
}


def warm() -> None:
    """Import now what a reader imports when it runs, so that no fork does."""
    import ai_edge_litert.interpreter  # noqa: F401
    import h5py  # type: ignore[import-untyped]  # noqa: F401
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    import PIL.Image
    import torch.export
    import torch.export.pt2_archive  # noqa: F401
    import typst  # noqa: F401
    import vl_convert  # noqa: F401

    import edgequant.backends.onnxruntime.backend
    import edgequant.models.sources.keras.source  # noqa: F401
    from edgequant.models.sources.keras.package import import_keras

    import_keras()
    PIL.Image.init()
