"""A sweep as a study: every combination of widths of one network, simulated in one run folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.errors import BadOption
from ..core.files import write_bytes
from ..recipe.recipe import ACTIVATION_BITS, WEIGHT_BITS
from ..search import sweep
from ..study import Calibration, NetworkSpec, Study, check, load_study, shipped

FILE = "sweep.csv"


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a sweep is of. `source` is a model, or a study (its name or a .toml), whose networks are swept as it
    trains and calibrates them; empty options leave that as it is, and a model needs `data`."""

    source: str
    weight_bits: str = "8,6,4"
    activation_bits: str = "8,6,4"
    data: str = ""
    weights: str = ""
    calibrate: str = ""
    samples: int = 0
    all_layers: bool = False
    quick: int = 0
    allow_few: bool = False


def study_of(asked: Asked, overrides: Sequence[str] = ()) -> Study:
    """Raises BadOption."""
    weight_bits = sweep.parse_bits(asked.weight_bits, "--weight-bits", WEIGHT_BITS)
    activation_bits = sweep.parse_bits(asked.activation_bits, "--activation-bits", ACTIVATION_BITS)
    recipes = ("float32", *sweep.recipes(weight_bits, activation_bits, asked.all_layers))
    study = _named(asked, overrides)
    return check(
        dataclasses.replace(
            study,
            title=f"Bit-width sweep: {study.title}",
            recipes=recipes,
            targets=(sweep.TARGET,),
            calibration=(_calibration(study, asked),),
            network=tuple(_network(spec, asked) for spec in _once(study)),
            criteria=(),
            quick=asked.quick or study.quick,
            allow_few=asked.allow_few or study.allow_few,
        )
    )


def write_csv(folder: Path, results: dict[str, Any]) -> Path:
    """`sweep.csv`: a line for each combination. Raises RunFolderError."""
    write_bytes(folder / FILE, sweep.csv(results["sweep"]["rows"]).encode())
    return folder / FILE


def _named(asked: Asked, overrides: Sequence[str]) -> Study:
    if asked.source in shipped() or asked.source.endswith(".toml"):
        study = load_study(asked.source, tuple(overrides))
        return dataclasses.replace(study, name=f"{study.name}-sweep", title=study.title or study.name)
    if not asked.data:
        raise BadOption(
            f"A sweep of the model {asked.source} needs images. Give --data cifar10 (edgequant list data),"
            " or name a study instead of a model."
        )
    if overrides:
        raise BadOption(f"--set changes a study, and {asked.source} is a model. Leave out --set {overrides[0]}.")
    network = NetworkSpec(model=asked.source, data=asked.data)
    name = Path(asked.source.partition(":")[0]).stem
    return Study(name=f"{name}-sweep", title=f"{asked.source} on {asked.data}", network=(network,))


def _once(study: Study) -> list[NetworkSpec]:
    """The networks of a study without their recipes and targets; one that it lists for several targets, once."""
    plain = [dataclasses.replace(spec, recipes=(), targets=()) for spec in study.network]
    return list(dict.fromkeys(plain))


def _network(spec: NetworkSpec, asked: Asked) -> NetworkSpec:
    return dataclasses.replace(spec, data=asked.data or spec.data, weights=asked.weights or spec.weights)


def _calibration(study: Study, asked: Asked) -> Calibration:
    first = study.calibration[0]
    return dataclasses.replace(first, method=asked.calibrate or first.method, n=asked.samples or first.n)
