"""What results.json says of a variant: every key in its order. `schema` makes the published schema of these types.

Keys are added, never renamed. A figure that was not measured is null. Accuracies are fractions, drops are percentage
points.
"""

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
LATER: Any = {"later": True}  # a key that came after the first release: not in every results.json of edgequant/1
LEFT_OUT: Any = {"later": True, "left_out": True}  # and is not written where there is nothing to say


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
    file: NotRequired[Annotated[str, "A PNG in the run folder."]]


class Changes(TypedDict):
    """Answers that differ from the baseline's on the same images."""

    n: int
    moved: int
    lost: int | None
    won: int | None
    confusion: Annotated[
        list[Annotated[list[int], ("minItems", 4), ("maxItems", 4)]],
        "[true class, answered class, images before, images after], where they differ.",
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
    input: dict[str, Any] = field(metadata=LATER)
    deployed: dict[str, Any] = field(metadata=LATER)
    status: Literal["ok", "failed", "unsupported"]
    reason: str = ""
    baseline_id: str | None = None
    file: Annotated[str | None, "Path inside the run folder; null for a simulation."] = None
    sha256: str | None = None
    bytes: int | None = None
    bytes_compressed: Compressed | None = field(default=None, metadata=LATER)
    bytes_estimated: Annotated[int | None, "Where there is no file: by the formula in docs/simulation.md."] = None
    size_ratio: Annotated[float | None, "Bytes of the baseline's file over the bytes of this one."] = None
    n: Annotated[int | None, "Images evaluated."] = None
    top1: Fraction | None = None
    top5: Fraction | None = None
    top1_ci95: Interval | None = None
    hits: Annotated[str | None, "A bit an image, right or wrong, in the order of the split: base64 of packed bits."] = (
        field(default=None, metadata=LATER)
    )
    drop: Annotated[float | None, "Percentage points below the baseline, on the same images."] = None
    drop_ci95: Interval | None = None
    p_value: Fraction | None = None
    latency_ms: Latency | None = None
    latency_ms_all_threads: Latency | None = None
    peak_memory_bytes: int | None = None
    arena_bytes: Arena | None = field(default=None, metadata=LATER)
    kernels: Kernels | None = None
    compression: Compression | None = None
    parity: Parity | None = None
    seconds: Seconds | None = None
    validation_top1: Annotated[Fraction | None, "Simulated, on the images that choices are made by."] = field(
        default=None, metadata=LATER
    )
    eager_latency_ms: Annotated[Latency | None, "Of float32: the framework itself."] = field(
        default=None, metadata=LATER
    )
    validation: Validation | None = field(default=None, metadata=LATER)
    agreement: Agreement | None = field(default=None, metadata=LATER)
    fidelity: Annotated[
        dict[str, Fidelity] | None,
        "Of each output's dequantized values against float32's; sqnr_db is null where nothing differs.",
    ] = field(default=None, metadata=LATER)
    unfit: Annotated[str | None, "Of float32: why no file of this network can be recommended; empty where one can."] = (
        field(default=None, metadata=LATER)
    )
    caution: Annotated[str | None, "What makes the validation images flatter a file; empty where nothing does."] = (
        field(default=None, metadata=LATER)
    )
    against_float32: Ratio | None = field(default=None, metadata=LATER)
    layers: list[Layer] = field(default_factory=list)
    calibration_checks: list[dict[str, Any]] | None = field(default=None, metadata=LEFT_OUT)
    changes: Changes | None = field(default=None, metadata=LEFT_OUT)
    conditions: Annotated[dict[str, Any] | None, "Of the machine, before and after it was timed."] = field(
        default=None, metadata=LEFT_OUT
    )
    devices: Annotated[list[dict[str, Any]] | None, "What the file is on the study's other devices."] = field(
        default=None, metadata=LEFT_OUT
    )

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
    kinds = typing.get_type_hints(Record, include_extras=True)
    needed = [f.name for f in dataclasses.fields(Record) if "later" not in f.metadata]
    return {"type": "object", "properties": {name: _schema(kinds[name]) for name in kinds}, "required": needed}


def _schema(kind: Any) -> dict[str, Any]:
    """Of a type: what is said of it in `Annotated` is its description (a text) or a limit (a pair)."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _schema(arguments[0]) | dict(
            ("description", one) if isinstance(one, str) else one for one in arguments[1:]
        )
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
