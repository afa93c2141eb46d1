"""A results.json as a study of three networks in two runtimes leaves it, with all that can go wrong in it."""

from __future__ import annotations

from typing import Any

import sample_studies as studies

CHECKS = [
    {"name": "images", "seen": "512", "wanted": "at least 300", "met": True},
    {"name": "domain match", "seen": "sharpness: p = 1e-9", "wanted": "like validation's", "met": False},
]
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
OPS = ("stem", *(f"features.{i}.{part}" for i in range(1, 18) for part in ("expand", "depthwise", "project")), "head")


def results() -> dict[str, Any]:
    """A fresh copy each time: a test may change it."""
    return {
        "schema": "edgequant/1",
        "study": {"name": "flagship", "data": "cifar10", "models": ["mobilenet_v2", "standard_cnn", "micro_cnn"]},
        "environment": {
            "versions": {"edgequant": "0.1.0", "torch": "2.13.0", "ai-edge-litert": "2.3.0", "onnxruntime": "1.23.2"},
            "cpu": "Intel Xeon, 2 cores, AVX-512 VNNI",
            "threads": {"one": 1, "all": 2},
            "seed": 0,
            "git": "0123456789abcdef",
            "time": "2025-11-03T12:40:00+00:00",
            "command": "edgequant run flagship --out runs/flagship",
        },
        "input": {"channels": 3, "height": 32, "width": 32, "mean": [0.50196078], "std": [0.50196078]},
        "recommended": "mobilenet_v2-w8a8-qat-litert",
        "variants": _variants(),
        "classes": {"cifar10": list(CLASSES)},
        "sensitivity": studies.sensitivity(),
        "search": studies.search(),
        "sweep": {"rows": [_swept(w, a) for w in (8, 6, 4) for a in (8, 6, 4)]},
        "criteria": [
            _criterion("top-1 at least 94%", None, "≥ 94.00%", "94.06%", True),
            _criterion("drop at most 0.5 pt", None, "≤ 0.50 pt", "0.13 pt", True),
            _criterion("at least 4× smaller", None, "≥ 4.00×", "3.62×", False),
            _criterion("at least 4× smaller", "mobilenet_v2-w4a8-qat-litert", "≥ 4.00×", "6.13×", True),
            _criterion("faster than float32", "mobilenet_v2-w4a8-qat-litert", "≥ 1.00×", "0.71×", False),
        ],
    }


def _criterion(name: str, variant: str | None, want: str, got: str, met: bool) -> dict[str, Any]:
    return {"name": name, "variant": variant, "want": want, "got": got, "met": met}


def _variants() -> list[dict[str, Any]]:
    big, medium, small = "mobilenet_v2", "standard_cnn", "micro_cnn"
    first = _variant(big, "float32", 0.9419, 8_921_004, 1.00, parity=_float(3.1e-6))
    return [
        first | {"eager_latency_ms": {"p50": 9.41}},
        _variant(big, "float16", 0.9419, 4_498_312, 1.01, parity=_float(2.4e-3)),
        _variant(big, "dynamic-w8", 0.9415, 2_530_104, 0.61, parity=_dynamic(0.9991)),
        _variant(big, "w8a8", 0.9371, 2_462_008, 0.23, parity=_integer(1.0, 0)),
        _variant(big, "w8a8", 0.9406, 2_462_008, 0.23, refine=["qat"], parity=_integer(0.999998, 1)),
        _variant(big, "w8a16", 0.9417, 2_611_440, 14.2, parity=_integer(1.0, 0), outside=54),
        _variant(big, "w4a8", 0.9352, 1_455_216, 1.41, refine=["qat"], parity=_integer(0.981, 4, "failed"), outside=18),
        _variant(big, "float32", 0.9419, 8_980_112, 1.62, target="onnxruntime", parity=_float(4.0e-6)),
        _variant(big, "w8a8", 0.9369, 2_571_300, 1.13, target="onnxruntime", parity=_integer(0.9996, 2)),
        _missing(big, "w8a16", "onnxruntime", "unsupported", "ONNX Runtime has no int16 activation kernels."),
        _variant(medium, "float32", 0.9012, 1_404_220, 0.71, parity=_float(1.0e-6)),
        _variant(medium, "w8a8", 0.8998, 366_104, 0.19, parity=_integer(1.0, 0)),
        _variant(small, "float32", 0.7431, 46_912, 0.11, parity=_float(1.0e-6)),
        _elsewhere(_variant(small, "w8a8", 0.7402, 19_244, 0.042, parity=_integer(1.0, 0))),
        _missing(small, "w4a8", "litert", "failed", "Lowering stopped: INT4 weights of features.1 | refused."),
        _simulated(big, "w4a4", 0.8890, 1_210_000),
    ]


def _variant(
    model: str,
    recipe: str,
    top1: float,
    size: int,
    p50: float,
    *,
    target: str = "litert",
    refine: list[str] | None = None,
    parity: dict[str, Any] | None = None,
    outside: int = 0,
) -> dict[str, Any]:
    name = "-".join([recipe, *(refine or [])])
    base = {"mobilenet_v2": 0.9419, "standard_cnn": 0.9012, "micro_cnn": 0.7431}[model]
    floats = {"mobilenet_v2": 8_921_004, "standard_cnn": 1_404_220, "micro_cnn": 46_912}[model]
    drop = 100 * (base - top1)
    is_base = recipe == "float32"
    return {
        "id": f"{model}-{name}-{target}",
        "name": name,
        "model": model,
        "data": "cifar10",
        "recipe": recipe,
        "refine": refine or [],
        "calibration": None if is_base else {"method": "mse", "n": 512, "seed": 0},
        "calibration_checks": [] if is_base else CHECKS,
        "target": target,
        "device": "local",
        "status": "ok",
        "reason": "",
        "baseline_id": f"{model}-float32-{target}",
        "file": f"{model}-{name}.{'onnx' if target == 'onnxruntime' else 'tflite'}",
        "sha256": "0" * 64,
        "bytes": size,
        "size_ratio": (8_980_112 if target == "onnxruntime" else floats) / size,
        "n": 10_000,
        "top1": top1,
        "top5": min(1.0, top1 + 0.05),
        "top1_ci95": [top1 - 0.0046, top1 + 0.0045],
        "drop": 0.0 if is_base else drop,
        "drop_ci95": None if is_base else [drop - 0.21, drop + 0.2],
        "p_value": None if is_base else (0.0004 if drop > 0.4 else 0.212),
        "latency_ms": {"p50": p50, "p90": p50 * 1.08, "p99": p50 * 1.4, "mean": p50 * 1.03, "runs": 500, "threads": 1},
        "latency_ms_all_threads": {"p50": p50 * 0.62, "p90": p50 * 0.7, "p99": p50, "mean": p50 * 0.64, "threads": 2},
        "peak_memory_bytes": size + 1_200_000,
        "kernels": {"delegated": 66 - outside, "total": 66, "by": {"XNNPACK": 66 - outside, "CONV_2D": outside}},
        "parity": parity,
        "changes": None if is_base else studies.changes(),
        "layers": _layers(recipe),
    }


def _elsewhere(variant: dict[str, Any]) -> dict[str, Any]:
    return variant | {"devices": studies.devices(variant)}


def _layers(recipe: str) -> list[dict[str, Any]]:
    weights, activations = {"w8a8": (8, 8), "w8a16": (8, 16), "w4a8": (4, 8)}.get(recipe, (None, None))
    made = [
        {
            "name": name,
            "op": "depthwise_conv2d" if "depthwise" in name else "conv2d",
            "weight_bits": weights,
            "activation_bits": activations,
            "granularity": "per channel",
            "fate": "quantized" if weights else "float",
            "reason": "" if weights else f"{recipe} keeps activations in float",
        }
        for name in OPS
    ]
    last = made[-1] | {"name": "classifier", "op": "linear"}
    if weights:
        last |= {"weight_bits": None, "activation_bits": None, "fate": "float", "reason": "left in float by the recipe"}
    return [*made, last]


def _integer(exact: float, lsb: int, gate: str = "passed") -> dict[str, Any]:
    return {"mode": "integer", "top1_agreement": 1.0, "exact_fraction": exact, "max_lsb": lsb, "gate": gate}


def _float(difference: float) -> dict[str, Any]:
    return {"mode": "float", "top1_agreement": 1.0, "max_abs": difference, "gate": "passed"}


def _dynamic(agreement: float) -> dict[str, Any]:
    return {"mode": "dynamic", "top1_agreement": agreement, "gate": "passed"}


def _missing(model: str, name: str, target: str, status: str, reason: str) -> dict[str, Any]:
    fixed = {"id": f"{model}-{name}-{target}", "name": name, "model": model, "data": "cifar10", "recipe": name}
    return fixed | {"target": target, "device": "local", "status": status, "reason": reason, "file": None}


def _swept(weights: int, activations: int) -> dict[str, Any]:
    """One row of a sweep, with plausible figures."""
    drop = 0.2 + 1.1 * (8 - weights) ** 1.4 / 4 + 2.6 * (8 - activations) ** 1.7 / 4
    return {
        "variant": f"mobilenet_v2-w{weights}a{activations}-simulation",
        "model": "mobilenet_v2",
        "data": "cifar10",
        "weight_bits": weights,
        "activation_bits": activations,
        "compression_ratio": 29.5 / weights,
        "weight_compression": 31.2 / weights,
        "activation_compression": 31.9 / activations,
        "size_mb": 8.95 * weights / 29.5,
        "top1": 0.9419 - drop / 100,
        "drop": drop,
        "n": 10_000,
        "source": "simulated",
    }


def _simulated(model: str, name: str, top1: float, estimate: int) -> dict[str, Any]:
    fixed = _missing(model, name, "simulation", "ok", "")
    drop = 100 * (0.9419 - top1)
    return fixed | {"n": 10_000, "top1": top1, "drop": drop, "bytes": None, "bytes_estimated": estimate, "parity": None}
