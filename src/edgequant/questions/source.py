"""What a question is about: a model with its data, or a study, whose networks it takes as they are."""

from __future__ import annotations

import dataclasses
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from ..catalog import MODELS
from ..core.errors import BadOption, UnknownName
from ..core.help import Help
from ..core.pixels import NOTHING, Stated
from ..core.registry import unknown
from ..core.words import path_hint
from ..study.study import Calibration, NetworkSpec, Study, load_study, shipped

# options that several questions and commands share
File = Annotated[Path, Help("A .tflite or .onnx, of this tool or of anyone.")]
Images = Annotated[int, Help("Validation images to judge by, drawn once.")]
Quick = Annotated[int, Help("Only N images of each split, drawn class-balanced; every figure is marked.", metavar="N")]
Target = Annotated[str, Help("Where the file runs (edgequant list targets).")]
Weights = Annotated[str, Help("A .safetensors or .pt file, or 'random'.")]


@dataclass(frozen=True)
class AbstractAsked(ABC):
    """What `sweep`, `sensitivity` and `search` may all be told. `source` is a model, which needs `data`, or a study
    (its name or a .toml), whose networks are taken as it trains and calibrates them; empty options leave that as it is.
    """

    source: Annotated[str, Help("A model's name, or a study's name or .toml.", metavar="MODEL|STUDY")]
    _: KW_ONLY
    data: Annotated[str, Help("A data set; a study has its own.")] = ""
    weights: Weights = ""
    calibrate: Annotated[str, Help("The range method. Default: the study's; minmax.")] = ""
    samples: Annotated[int, Help("Calibration images. Default: the study's; 500, or all.")] = 0
    allow_few: Annotated[bool, Help("Accept fewer than 100 calibration images.")] = False
    pixels: Stated = NOTHING

    @abstractmethod
    def study(self, overrides: Sequence[str] = ()) -> Study:
        """The study that answers it. `overrides` as `--set` takes them. Raises BadOption for what nobody can answer."""


def study_from(asked: AbstractAsked, overrides: Sequence[str], command: str) -> Study:
    """The study with each network once, without recipes, targets and criteria of its own. Raises BadOption."""
    study = _named(asked, overrides, command)
    first = study.calibration[0]
    calibration = dataclasses.replace(first, method=asked.calibrate or first.method, n=asked.samples or first.n)
    said = {name: value for name, value in dataclasses.asdict(asked.pixels).items() if value}
    # a network that the study lists for several targets is asked about once
    once = dict.fromkeys(dataclasses.replace(spec, recipes=(), targets=()) for spec in study.network)
    return dataclasses.replace(
        study,
        calibration=(calibration,),
        network=tuple(
            dataclasses.replace(spec, data=asked.data or spec.data, weights=asked.weights or spec.weights, **said)
            for spec in once
        ),
        criteria=(),
        allow_few=asked.allow_few or study.allow_few,
    )


def _named(asked: AbstractAsked, overrides: Sequence[str], command: str) -> Study:
    """The study of that name; of a model, one with this network and nothing else."""
    if asked.source in shipped() or asked.source.endswith(".toml"):
        study = load_study(asked.source, tuple(overrides))
        return dataclasses.replace(study, name=f"{study.name}-{command}", title=study.title or study.name)
    name = asked.source.partition(":")[0]
    if name not in MODELS and re.fullmatch(r"[\w-]*", name) and not path_hint("model", name):
        raise UnknownName(unknown("model or study", asked.source, [*MODELS, *shipped()]))
    if not asked.data:
        raise BadOption(
            f"A {command} of the model {asked.source} needs images. Give --data cifar10 (edgequant list data),"
            " or name a study instead of a model."
        )
    if overrides:
        raise BadOption(f"--set changes a study, and {asked.source} is a model. Leave out --set {overrides[0]}.")
    return Study(
        name=f"{Path(name).stem}-{command}",
        title=f"{asked.source} on {asked.data}",
        calibration=(Calibration(),),
        network=(NetworkSpec(model=asked.source, data=asked.data),),
    )
