"""What `sensitivity`, `search` and other devices leave in a results.json, and which answers changed."""

from __future__ import annotations

from typing import Any

LAYERS = ("stem", "features.1.expand", "features.1.depthwise", "head")


def sensitivity() -> list[dict[str, Any]]:
    rows = [_row(layer, bits, k) for k, layer in enumerate(LAYERS) for bits in (8, 4)]
    fixed = {"network": "mobilenet_v2", "data": "cifar10", "mode": "exact", "split": "validation", "n": 512}
    advice = {"text": "Keep features.1.depthwise at 8-bit weights."}
    return [fixed | {"threshold": 0.5, "rows": rows, "advice": advice}]


def _row(layer: str, bits: int, k: int) -> dict[str, Any]:
    fixed = {"layer": layer, "op": "conv2d", "kind": "alone", "weight_bits": bits, "activation_bits": 8}
    figures = {"parameters": 864, "kl": 10.0 ** (k - 5 if bits == 8 else k - 3), "sqnr_db": 40.0 - 5 * k, "images": 512}
    loss = 0.1 * k * (8 - bits)
    return fixed | figures | {"drop": loss, "drop_ci95": [loss - 0.2, loss + 0.2], "mark": "SENSITIVE" * (loss > 0.5)}


def search() -> list[dict[str, Any]]:
    choice = dict.fromkeys(LAYERS, "w4a8") | {"stem": "w8a8"}
    front = [
        {"narrow": n, "bytes": 2_462_008 - 150_000 * n, "ms": 0.23 + 0.05 * n, "kl": 1e-4 * 4**n, "top1": 0.94}
        | {"drop": 0.1 * n, "drop_ci95": [0.1 * n - 0.1, 0.1 * n + 0.1], "choice": choice if n == 3 else {}}
        for n in range(5)
    ]
    options = [{"scheme": s, "bytes": 900, "ms": ms, "harm": 0} for s, ms in (("w8a8", 0.01), ("w4a8", 0.02))]
    record = {"network": "mobilenet_v2", "data": "cifar10", "target": "litert", "schemes": ["w8a8", "w4a8"], "n": 512}
    record |= {"split": "validation", "front": front, "layers": [{"layer": n, "options": options} for n in LAYERS]}
    record |= {"base": {"measured": {"bytes": 2_462_008}}, "both": {"base": {"p50": 0.23}, "chosen": {"p50": 0.4}}}
    chosen = {"choice": choice, "recipe": "artifacts/mixed.toml", "measured": {"bytes": 2_012_008}}
    return [record | {"chosen": chosen}]


def changes() -> dict[str, Any]:
    """Of 10,000 answers 40 are others; no picture lies beside this record."""
    confusion = [[3, 3, 880, 865], [3, 5, 60, 75], [1, 9, 30, 26], [1, 1, 950, 954]]
    shown = [{"position": 7, "index": 7, "label": 3, "before": 3, "after": 5, "file": "flipped/7.png"}]
    return {"n": 10_000, "moved": 40, "lost": 22, "won": 9, "confusion": confusion, "images": shown}


def devices(variant: dict[str, Any]) -> list[dict[str, Any]]:
    """The same file on a slower machine, and on one that was not reached."""
    ms = {figure: 4 * variant["latency_ms"][figure] for figure in ("p50", "p90", "p99", "mean")}
    there = {"device": "ssh:pi", "status": "ok", "reason": "", "machine": {"cpu": "Cortex-A76"}, "latency_ms": ms}
    there |= {"kernels": variant["kernels"], "peak_memory_bytes": 9_000_000, "n": 200, "top1": variant["top1"]}
    lost = {"device": "adb:0123", "status": "failed", "reason": "No device answers to this serial."}
    return [there | {"against_local": {"top1_agreement": 1.0, "max_lsb": 1}}, lost]
