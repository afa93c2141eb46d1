"""What a command is about: a model with its data, or a study, whose networks it takes as they are."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from ..catalog import MODELS
from ..core.errors import BadOption, UnknownName
from ..core.pixels import NOTHING, Stated
from ..core.registry import unknown
from ..core.words import path_hint
from ..study.study import Calibration, NetworkSpec, Study, load_study, shipped


@dataclass(frozen=True)
class AbstractAsked:
    """What `sweep`, `sensitivity` and `search` may all be told. `source` is a model, which needs `data`, or a study
    (its name or a .toml), whose networks are taken as it trains and calibrates them; empty options leave that as it is.
    """

    source: str
    _: KW_ONLY
    data: str = ""
    weights: str = ""
    calibrate: str = ""
    samples: int = 0
    allow_few: bool = False
    pixels: Stated = NOTHING


def study_from(asked: AbstractAsked, overrides: Sequence[str], command: str) -> Study:
    """The study with each network once, without recipes, targets and criteria of its own. Raises BadOption."""
    study = _named(asked, overrides, command)
    first = study.calibration[0]
    calibration = dataclasses.replace(first, method=asked.calibrate or first.method, n=asked.samples or first.n)
    return dataclasses.replace(
        study,
        calibration=(calibration,),
        network=tuple(_network(spec, asked) for spec in _once(study)),
        criteria=(),
        allow_few=asked.allow_few or study.allow_few,
    )


def _named(asked: AbstractAsked, overrides: Sequence[str], command: str) -> Study:
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
    network = NetworkSpec(model=asked.source, data=asked.data)
    name = Path(asked.source.partition(":")[0]).stem
    return Study(
        name=f"{name}-{command}",
        title=f"{asked.source} on {asked.data}",
        calibration=(Calibration(),),
        network=(network,),
    )


def _once(study: Study) -> list[NetworkSpec]:
    """The networks of a study without their recipes and targets; one that it lists for several targets, once."""
    plain = [dataclasses.replace(spec, recipes=(), targets=()) for spec in study.network]
    return list(dict.fromkeys(plain))


def _network(spec: NetworkSpec, asked: AbstractAsked) -> NetworkSpec:
    said = {name: value for name, value in dataclasses.asdict(asked.pixels).items() if value}
    return dataclasses.replace(spec, data=asked.data or spec.data, weights=asked.weights or spec.weights, **said)
