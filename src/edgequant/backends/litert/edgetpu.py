"""What Coral's Edge TPU would take of a .tflite, without one: a capability report, and the compiler where it is.

The rules are those of "TensorFlow models on the Edge TPU" (coral.ai/docs/edgetpu/models-intro), read in two copies of
its table: the one of Axis for the Edge TPU in its ARTPEC-7 (developer.axis.com, "Supported ops", "Optimization tips"),
and an older one, which alone was seen to state the limit of SOFTMAX. Full-integer tensors of fixed size, no more than
three dimensions above 1, the table's operators, and one partition: the compiler stops at the first operator that it
cannot take, and all that follows runs on the CPU. Neither copy, as far as it was
read, confirms RSQRT, SQUARED_DIFFERENCE, SUM, TRANSPOSE and TRANSPOSE_CONV, nor the size of the cache.

Limits that are not looked at, so that the compiler may leave what is listed here: constants into CONCATENATION, the
axes of MEAN, PAD, PACK and the reductions, the strides of STRIDED_SLICE, leading ones of SQUEEZE, PRELU's shape, large
RESHAPE and RESIZE. None of this was tried on an Edge TPU, nor with its compiler.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from ...core.errors import BadFile
from ...graph.ops.table import tflite_operators
from ..tflite.inspect import OPERATORS, TYPES, read_model

COMPILER = "edgetpu_compiler"
CACHE = 8 * 2**20  # bytes of parameters that it keeps on the chip; the rest is streamed for every image
SOFTMAX_LIMIT = 16_000
INTEGERS = {"int8", "uint8", "int32"}  # int32: biases, shapes
TAKEN = {name for name, (_, operator) in tflite_operators().items() if operator.edgetpu} | {
    "EXPAND_DIMS", "L2_NORMALIZATION", "PACK", "PRELU", "REDUCE_MAX", "REDUCE_MIN", "RELU_N1_TO_1", "SPACE_TO_DEPTH",
    "SPLIT", "SQUARED_DIFFERENCE", "SQUEEZE", "SUM", "TRANSPOSE_CONV",
}  # fmt: skip
UNFUSED = {"AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION", "L2_NORMALIZATION"}  # no activation fused behind them

Rule = Callable[[Any, list[Any]], str]


def report(path: Path) -> dict[str, Any]:
    """{"operators", "edge_tpu", "total", "parameters", "fits_on_chip", "compiler"}.

    `operators`: [{"op", "output", "where", "reason"}] in order; `where` is "edge tpu" or "cpu". Raises BadFile.
    """
    model = read_model(path)
    rows = _mapped(_rows(model))
    parameters = _parameters(model)
    return {
        "operators": rows,
        "edge_tpu": sum(row["where"] == "edge tpu" for row in rows),
        "total": len(rows),
        "parameters": parameters,
        "fits_on_chip": parameters <= CACHE,
        "compiler": compiled(path),
    }


def compiled(path: Path) -> str:
    """What edgetpu_compiler says of the file; where it is not installed, that. Raises BadFile where it refuses."""
    tool = shutil.which(COMPILER)
    if tool is None:
        return f"{COMPILER} is not installed: the rows are by Coral's published rules"
    with tempfile.TemporaryDirectory() as folder:
        command = [tool, "--show_operations", "--out_dir", folder, str(path.resolve())]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()[-1]
        raise BadFile(f"{COMPILER} refused {path}: {words}. Give a full-integer .tflite (recipe w8a8).")
    found = re.findall(r"^Number of operations that will run on .*$", done.stdout, re.MULTILINE)
    return "; ".join(found) or done.stdout.strip().splitlines()[-1]


def _rows(model: Any) -> list[dict[str, Any]]:
    graph = model.subgraphs[0]
    rows = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = str(OPERATORS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "CUSTOM"))
        tensors = [graph.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
        output = graph.tensors[operator.outputs[0]]
        rows.append(
            {
                "op": name,
                "output": _shape(output),
                "where": "",
                "reason": _refusal(name, operator.builtinOptions, tensors),
            }
        )
    return rows


def _mapped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One partition: from the first refused operator on, everything is the CPU's."""
    first = next((n for n, row in enumerate(rows) if row["reason"]), len(rows))
    for number, row in enumerate(rows):
        row["where"] = "edge tpu" if number < first else "cpu"
        if number > first and not row["reason"]:
            row["reason"] = f"behind {rows[first]['op']}, which stays on the CPU"
    return rows


def _refusal(name: str, options: Any, tensors: list[Any]) -> str:
    """Why the Edge TPU leaves an operator; "" where it takes it."""
    if name not in TAKEN:
        return f"the Edge TPU has no {name}"
    wrong = sorted({TYPES[t.type] for t in tensors} - INTEGERS)
    if wrong:
        return f"it has {', '.join(wrong)} tensors; only 8-bit integers run there"
    if any(_shape(t)[:1] > [1] and len(_shape(t)) == 4 and t.buffer == 0 for t in tensors):
        return "its batch is not 1"
    if name in UNFUSED and getattr(options, "fusedActivationFunction", False):
        return f"a {name} with a fused activation is not taken"
    return RULES[name](options, tensors) if name in RULES else ""


def _convolution(options: Any, _: list[Any]) -> str:
    same = options.dilationHFactor == options.dilationWFactor
    return "" if same else "its dilations in height and width differ"


def _fully_connected(options: Any, tensors: list[Any]) -> str:
    if options.weightsFormat != schema.FullyConnectedOptionsWeightsFormat.DEFAULT:
        return "its weights are in another format than the default"
    return "" if len([d for d in _shape(tensors[-1]) if d != 1]) <= 1 else "its output has more than one dimension"


def _softmax(_: Any, tensors: list[Any]) -> str:
    sizes = [d for d in _shape(tensors[0]) if d != 1]
    if len(sizes) > 1:
        return "it has more than one dimension"
    return "" if sum(sizes) <= SOFTMAX_LIMIT else f"it has over {SOFTMAX_LIMIT:,} elements"


RULES: Mapping[str, Rule] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _fully_connected,
    "SOFTMAX": _softmax,
}


def _parameters(model: Any) -> int:
    used = {t.buffer for t in model.subgraphs[0].tensors}
    return sum(len(model.buffers[b].data) for b in used if model.buffers[b].data is not None)


def _shape(tensor: Any) -> list[int]:
    return [int(d) for d in (tensor.shape if tensor.shape is not None else [])]
