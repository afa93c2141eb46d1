"""Whether ONNX Runtime fused the Q/DQ pairs of a file, read off the graph that it really runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ...graph.ops.table import OPS

if TYPE_CHECKING:
    import onnx

# an operator between Dequantize and Quantize that has an integer kernel, had the optimizer fused it
FUSABLE = {node for row in OPS.values() if row.onnx.fused for node in row.onnx.nodes}


def unfused(optimized: onnx.ModelProto) -> dict[str, int]:
    """{operator: how many run in float although what they read was integers}. Empty: every pair was fused."""
    nodes = optimized.graph.node
    dequantized = {output for node in nodes if node.op_type == "DequantizeLinear" for output in node.output}
    found = Counter(n.op_type for n in nodes if n.op_type in FUSABLE and dequantized & set(n.input))
    return dict(sorted(found.items()))


def warning(kernels: dict[str, Any] | None) -> str:
    """The line that a user reads where pairs were left; "" where none were."""
    left = (kernels or {}).get("unfused") or {}
    if not left:
        return ""
    listed = ", ".join(f"{count} {name}" for name, count in left.items())
    return f"ONNX Runtime left {listed} in float between Dequantize and Quantize: no integer kernel took them."
