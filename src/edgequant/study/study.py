"""A study: which networks, recipes and targets are compared, and what is asked of them. Plain data from a .toml."""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, final

from ..core.errors import BadOption
from ..core.pixels import Words
from ..core.registry import unknown
from ..train.settings import TrainSettings, Transfer

T = TypeVar("T")
SEEDS = 1 << 32  # numpy's generator takes no larger seed
DEPLOYED = {
    "input": ("uint8", "int8", "float32"),
    "output": ("uint8", "int8", "float32", "logits"),
    "layout": ("nhwc", "nchw"),
}


@final
@dataclass(frozen=True)
class Calibration:
    """Which images set the ranges, and how. `method` is a calibrator's spec. `n`: None takes 500, or all there are."""

    method: str = "minmax"
    n: int | None = None
    seed: int = 0


@final
@dataclass(frozen=True)
class NetworkSpec:
    """One trained network of a study. Empty lists take the study's."""

    model: str = ""
    data: str = ""
    name: str = ""  # in tables and charts; default: the model's
    weights: str = ""  # a file; "random"; or empty: the kept ones, else trained by [network.train]
    transfer: Transfer | None = None  # a new head on pretrained weights; `train` then fine-tunes the whole network
    train: TrainSettings | None = None
    then: tuple[TrainSettings, ...] = ()  # further trainings, each from the weights of the one before (warm restarts)
    recipes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    input: str = ""  # of the file: uint8 or int8 (raw pixels), float32 (normalised ones); empty: as the recipe has it
    output: str = ""  # of the file: uint8, int8, float32; logits: those before a last softmax or sigmoid
    layout: str = ""  # of the file's input: nhwc, nchw; empty: the target's own
    size: Words = ""  # what the network takes, where it does not say so itself: see core/pixels.py
    mean: Words = ""
    std: Words = ""
    channels: Words = ""
    fit: str = ""


@final
@dataclass(frozen=True)
class Criterion:
    """`metric` of `variant` is at most, or at least, a number. `variant`: an id, `recommended`, or a glob over ids."""

    name: str = ""
    variant: str = "recommended"
    metric: str = "drop"
    at_most: float | None = None
    at_least: float | None = None


@final
@dataclass(frozen=True)
class Study:
    """A whole study, as resolved."""

    name: str = ""
    title: str = ""
    seed: int = 0
    recipes: tuple[str, ...] = ("float32", "w8a8")  # "w4a8+adaround" refines w4a8
    targets: tuple[str, ...] = ("litert",)
    calibration: tuple[Calibration, ...] = (Calibration(),)
    network: tuple[NetworkSpec, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    max_drop: float = 1.0  # points: what the recommendation may lose
    devices: tuple[str, ...] = ("local",)  # where the files are timed and answer besides: ssh:USER@HOST, adb:SERIAL
    device_images: int = 200  # of the test split, on each other device
    quick: int = 0  # test images, 0: all; every figure is marked where this is set
    allow_few: bool = False  # fewer than 100 calibration images
    workers: int = 1  # variants made at a time; their latency is measured one after another all the same
    pool: str = "local"  # where: processes of this machine, or "ray"


def shipped() -> list[str]:
    """The names of the studies inside the package."""
    folder = resources.files("edgequant.studies")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_study(name: str, overrides: tuple[str, ...] = ()) -> Study:
    """A shipped study by name, or a .toml file; `overrides` are `key=value` with dots. Raises BadOption."""
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise BadOption(
                f"There is no study file {name}. Give the path of a .toml, or one of: {', '.join(shipped())}."
            )
        text = path.read_text(encoding="utf-8", errors="replace")
    elif name in shipped():
        text = (resources.files("edgequant.studies") / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise BadOption(unknown("study", name, shipped()))
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadOption(f"The study {name} is not valid TOML: {error}.") from error
    if {"rules", "base"} & set(table) and "network" not in table:
        raise BadOption(f"{name} is a recipe, not a study. Write --recipe {name}, or recipes = [{name!r}] in a study.")
    for override in overrides:
        _override(table, override)
    study = from_table(Study, table, f"the study {name}")
    return check(dataclasses.replace(study, name=study.name or Path(name).stem))


def check(study: Study) -> Study:
    """The study, with types and layouts in small letters. Raises BadOption where it cannot be run at all."""
    study = dataclasses.replace(study, network=tuple(_small(spec) for spec in study.network))
    if not study.network:
        raise BadOption(f"The study {study.name} names no network. Write [[network]] with model and data.")
    for network in study.network:
        if not network.model or not network.data:
            raise BadOption(f"A [[network]] of the study {study.name} lacks 'model' or 'data'.")
        for option, known in DEPLOYED.items():
            if getattr(network, option) not in ("", *known):
                raise BadOption(
                    f"A network's {option} is one of {', '.join(known)}, or left out. Got {getattr(network, option)!r}."
                )
    for name in ("recipes", "targets", "calibration"):
        if not getattr(study, name):
            raise BadOption(
                f"The study {study.name} has an empty {name}. Expected one at least, or leave the line out."
            )
    for calibration in study.calibration:
        if (calibration.n is not None and calibration.n < 1) or calibration.seed < 0:
            raise BadOption(
                f"calibration.n must be at least 1 and calibration.seed at least 0. Got {calibration.n} and"
                f" {calibration.seed}."
            )
    if "local" not in study.devices or study.device_images < 1:
        raise BadOption(
            'devices holds "local", and others besides, as ["local", "ssh:USER@HOST"]; device_images is at least 1.'
            f" Got {list(study.devices)} and {study.device_images}."
        )
    if study.workers < 1:
        raise BadOption(f"workers must be at least 1. Got {study.workers}.")
    if study.quick < 0 or not 0 <= study.seed < SEEDS:
        raise BadOption(
            f"quick and seed must be at least 0, and seed below {SEEDS}. Got {study.quick} and {study.seed}."
        )
    for criterion in study.criteria:
        if criterion.at_most is None and criterion.at_least is None:
            raise BadOption(f"The criterion {criterion.name!r} asks for nothing. Write at_most or at_least.")
    return study


def _small(spec: NetworkSpec) -> NetworkSpec:
    """NHWC and nhwc are one layout."""
    given = {name: getattr(spec, name) for name in DEPLOYED}
    return dataclasses.replace(spec, **{name: value.lower() for name, value in given.items()})


def from_table(cls: type[T], table: Any, where: str) -> T:
    """A frozen dataclass from a TOML table: unknown keys and wrong types are refused. Raises BadOption."""
    if not isinstance(table, dict):
        raise BadOption(f"{where} must be a table. Got {table!r}.")
    hints = typing.get_type_hints(cls)
    for key in table:
        if key not in hints:
            raise BadOption(f"In {where}: " + unknown("option", key, hints))
    return cls(**{key: _value(hints[key], value, f"{where}, {key}") for key, value in table.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    arguments = typing.get_args(kind)
    if isinstance(kind, types.UnionType):
        *others, last = (one for one in arguments if one is not type(None))
        return value if value is None or type(value) in others else _value(last, value, where)
    if dataclasses.is_dataclass(kind):
        return from_table(typing.cast("type[Any]", kind), value, where)
    if typing.get_origin(kind) is tuple:
        items = value if isinstance(value, list) else [value]
        if arguments[-1] is not Ellipsis and len(items) != len(arguments):
            raise BadOption(f"Expected {len(arguments)} values for {where}. Got {value!r}.")
        return tuple(_value(arguments[0], item, where) for item in items)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise BadOption(f"Expected {kind.__name__} for {where}. Got {value!r}.")
    return value


def _override(table: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals:
        raise BadOption(f"--set takes key=value. Got {text!r}. Example: --set calibration.n=200")
    *path, last = key.strip().split(".")
    place: Any = table
    for part in path:
        holder, name = _inside(place, part, text)
        place = holder.setdefault(name, {}) if isinstance(holder, dict) else holder[name]
    holder, name = _inside(place, last, text)
    holder[name] = _literal(value)


def _inside(place: Any, part: str, text: str) -> tuple[Any, Any]:
    """The table, or list, in which `part` names something, and its key or number. A list of one needs no number."""
    if isinstance(place, list) and part.isdigit():
        if int(part) < len(place):
            return place, int(part)
        raise BadOption(f"--set {text}: there is no number {part}; expected 0..{len(place) - 1}.")
    if isinstance(place, list) and len(place) != 1:
        raise BadOption(f"--set {text}: there are {len(place)} of them; write the number, as in network.0.{part}=…")
    table = place[0] if isinstance(place, list) else place
    if not isinstance(table, dict):
        raise BadOption(f"--set {text}: {part!r} is looked for inside a value. Expected a table.")
    return table, part


def _literal(text: str) -> Any:
    """A TOML value where it reads as one, else the text itself."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def to_dict(value: Any) -> Any:
    """A study as JSON."""
    return dataclasses.asdict(value)


def to_toml(study: Study) -> str:
    """The study as resolved, in the form `edgequant run` reads."""
    lines, tables = [], []
    for f in dataclasses.fields(study):
        value = getattr(study, f.name)
        if isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            tables += [line for item in value for line in _table(f.name, item)]
        elif value != ():
            lines.append(f"{f.name} = {_toml(value)}")
    return "\n".join(lines + tables) + "\n"


def _table(name: str, item: Any) -> list[str]:
    inner, lines = [], ["", f"[[{name}]]"]
    for f in dataclasses.fields(item):
        value = getattr(item, f.name)
        if dataclasses.is_dataclass(value):
            inner += [f"[{name}.{f.name}]", *_fields(value)]
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            inner += [line for one in value for line in (f"[[{name}.{f.name}]]", *_fields(one))]
        elif value is not None:
            lines.append(f"{f.name} = {_toml(value)}")
    return lines + inner


def _fields(value: Any) -> list[str]:
    return [f"{g.name} = {_toml(getattr(value, g.name))}" for g in dataclasses.fields(value)]


def _toml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML escapes as JSON does, and DEL
    return repr(value)


__all__ = ["Calibration", "Criterion", "NetworkSpec", "Study", "check", "load_study", "shipped", "to_dict", "to_toml"]
