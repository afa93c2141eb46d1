"""What results.json says of a variant: every key in its order. `schema` makes the published schema of these types.

Keys are added, never renamed. A figure that was not measured is null. Accuracies are fractions, drops are percentage
points.
"""

# ruff: noqa: RUF009 - what is called in the dataclass gives it a field

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict, final

from .plan import Variant
from .study import to_dict

Fraction = Annotated[float, ("minimum", 0), ("maximum", 1)]
Interval = Annotated[list[float], ("minItems", 2), ("maxItems", 2)]
Count = Annotated[int, ("minimum", 1)]


class Draw(TypedDict):
    method: str
    n: int
    seed: int


class Latency(TypedDict):
    """Milliseconds for one image, batch 1."""

    p50: float
    p90: float
    p99: float
    mean: float
    runs: Count
    threads: Count


class Arena(TypedDict):
    """RAM that the runtime planned ahead (TensorFlow Lite Micro)."""

    total: int
    head: int
    tail: int


class Kernels(TypedDict):
    delegated: int | None
    total: int | None
    by: dict[str, Any]


class Compression(TypedDict):
    model: NotRequired[float | None]
    weights: float
    activations: float


class Parity(TypedDict):
    mode: Literal["integer", "float", "dynamic"]
    top1_agreement: NotRequired[Fraction | None]
    exact_fraction: NotRequired[Fraction | None]
    max_lsb: NotRequired[float | None]
    max_abs: NotRequired[float | None]
    gate: Literal["passed", "failed"]


class Seconds(TypedDict, total=False):
    calibrate: float | None
    refine: float | None
    lower: float | None
    evaluate: float | None


class Layer(TypedDict):
    name: str
    op: str
    weight_bits: int | None
    activation_bits: int | None
    granularity: str
    fate: Literal["quantized", "weights only", "float"]
    reason: str


class Compressed(TypedDict):
    """Download size after a standard compressor; never the file's size."""

    gzip: int
    zstd: int


class Image(TypedDict):
    position: int
    index: int
    label: int | None
    before: int
    after: int
    file: NotRequired[Annotated[str, ("description", "A PNG in the run folder.")]]


class Changes(TypedDict):
    """Answers that differ from the baseline's on the same images."""

    n: int
    moved: int
    lost: int | None
    won: int | None
    confusion: Annotated[
        list[Annotated[list[int], ("minItems", 4), ("maxItems", 4)]],
        ("description", "[true class, answered class, images before, images after], where they differ."),
    ]
    images: Annotated[list[Image], ("maxItems", 24)]


class Validation(TypedDict, total=False):
    """Against float32 on the images that choices are made by, paired; drop in points, with Tango's score interval. Null
    without labels."""

    n: int
    top1: float | None
    drop: float | None
    drop_ci95: list[float | None] | None
    p_value: float | None


class Agreement(TypedDict, total=False):
    """Share of float32's top-1 answers that the file gives too, on the same images."""

    value: float | None
    ci95: list[float | None] | None
    n: int


class Fidelity(TypedDict, total=False):
    sqnr_db: float | None
    cosine: float | None
    max_abs: float | None


class Ratio(TypedDict, total=False):
    """How many times as long it takes as float32, of turns taken beside one another."""

    value: float | None
    ci95: list[float | None] | None
    turns: int


def _null(about: str = "", **how: bool) -> Any:
    """A key that is null until it is measured. `later`: it came after the first release, so that not every results.json
    of edgequant/1 has it; `left_out`: it is not written where there is nothing to say."""
    return field(default=None, metadata={"description": about, **how})


def _later(about: str = "", **how: bool) -> Any:
    return _null(about, later=True, **how)


@final
@dataclass(frozen=True, kw_only=True)
class Record:
    """A variant in results.json, as it is blank; what makes, compares and times the variant replaces fields."""

    id: str
    name: str
    model: str
    data: str
    recipe: str
    refine: list[str]
    calibration: Draw
    target: str
    device: str
    input: dict[str, Any] = _later()
    deployed: dict[str, Any] = _later()
    status: Literal["ok", "failed", "unsupported"]
    reason: str = ""
    baseline_id: str | None = None
    file: str | None = _null("Path inside the run folder; null for a simulation.")
    sha256: str | None = None
    bytes: int | None = None
    bytes_compressed: Compressed | None = _later()
    bytes_estimated: int | None = _null("Where there is no file: by the formula in docs/simulation.md.")
    size_ratio: float | None = _null("Bytes of the baseline's file over the bytes of this one.")
    n: int | None = _null("Images evaluated.")
    top1: Fraction | None = None
    top5: Fraction | None = None
    top1_ci95: Interval | None = None
    hits: str | None = _later("A bit an image, right or wrong, in the order of the split: base64 of packed bits.")
    drop: float | None = _null("Percentage points below the baseline, on the same images.")
    drop_ci95: Interval | None = None
    p_value: Fraction | None = None
    latency_ms: Latency | None = None
    latency_ms_all_threads: Latency | None = None
    peak_memory_bytes: int | None = None
    arena_bytes: Arena | None = _later()
    kernels: Kernels | None = None
    compression: Compression | None = None
    parity: Parity | None = None
    seconds: Seconds | None = None
    validation_top1: Fraction | None = _later("Simulated, on the images that choices are made by.")
    eager_latency_ms: Latency | None = _later("Of float32: milliseconds in the framework itself.")
    validation: Validation | None = _later()
    agreement: Agreement | None = _later()
    fidelity: dict[str, Fidelity] | None = _later(
        "Of each output's dequantized values against float32's; sqnr_db is null where nothing differs."
    )
    unfit: str | None = _later("Of float32: why no file of this network can be recommended; empty where one can.")
    caution: str | None = _later("What makes the validation images flatter a file; empty where nothing does.")
    against_float32: Ratio | None = _later()
    layers: list[Layer] = field(default_factory=list)
    calibration_checks: list[dict[str, Any]] | None = _later(left_out=True)
    changes: Changes | None = _later(left_out=True)
    conditions: dict[str, Any] | None = _later("Of the machine, before and after it was timed.", left_out=True)
    devices: list[dict[str, Any]] | None = _later("What it is on the study's other devices.", left_out=True)

    def to_json(self) -> dict[str, Any]:
        """As results.json has it."""
        every = {f.name: (getattr(self, f.name), f.metadata) for f in dataclasses.fields(self)}
        return {name: value for name, (value, how) in every.items() if value is not None or "left_out" not in how}


_NAMES = [f.name for f in dataclasses.fields(Record)]
MEASURED = tuple(_NAMES[_NAMES.index("file") : _NAMES.index("layers")])  # figures: what a criterion may ask for


def blank(variant: Variant, status: Literal["ok", "failed", "unsupported"], reason: str = "") -> Record:
    """A variant's record with nothing measured yet."""
    calibration, network = variant.calibration, variant.network
    return Record(
        id=variant.id,
        name=variant.name,
        model=network.name,
        data=network.data,
        recipe=variant.plain,
        refine=[refiner.partition(":")[0] for refiner in variant.refine],
        calibration=to_dict(calibration),
        target=variant.target,
        device="local",
        input=to_dict(network.captured.inputs),
        deployed=to_dict(network.captured.deployed),
        status=status,
        reason=reason,
    )


def schema() -> dict[str, Any]:
    """JSON Schema of a variant: the items of "variants" in report/results.schema.json."""
    kinds, fields = typing.get_type_hints(Record, include_extras=True), dataclasses.fields(Record)
    said = {f.name: {"description": f.metadata["description"]} if f.metadata.get("description") else {} for f in fields}
    properties = {name: _schema(kind) | said[name] for name, kind in kinds.items()}
    return {
        "type": "object",
        "properties": properties,
        "required": [f.name for f in fields if "later" not in f.metadata],
    }


def _schema(kind: Any) -> dict[str, Any]:
    """Of a type; `Annotated` holds pairs of the schema's own words."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _schema(arguments[0]) | dict(arguments[1:])
    if origin in (typing.Union, types.UnionType):  # only ever with None
        found = _schema(arguments[0])
        return found | {"type": [found["type"], "null"]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0])}
    if origin is NotRequired:
        return _schema(arguments[0])
    if origin is dict:
        return {"type": "object"} | ({} if arguments[1] is Any else {"additionalProperties": _schema(arguments[1])})
    if typing.is_typeddict(kind):
        inner = typing.get_type_hints(kind, include_extras=True)
        found = {"type": "object", "properties": {name: _schema(one) for name, one in inner.items()}}
        needed = [name for name, one in inner.items() if typing.get_origin(one) is not NotRequired]
        about = {"description": " ".join(kind.__doc__.split())} if kind.__doc__ else {}
        return found | ({"required": needed} if kind.__total__ else {}) | about
    return {"type": {str: "string", int: "integer", float: "number"}[kind]}
