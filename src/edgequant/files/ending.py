"""Whether a file's scores are probabilities already: its last operation but conversions is a softmax or a sigmoid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.foreign import reads

TFLITE_PASSING = {"DEQUANTIZE", "QUANTIZE", "RESHAPE"}
ONNX_PASSING = {"QuantizeLinear", "DequantizeLinear", "Cast", "Reshape", "Flatten", "Clip"}


def ends_in_softmax(path: Path) -> bool:
    """Raises BadFile."""
    return squashed(path) == "softmax"


@reads("a file of a network")
def squashed(path: Path) -> str:
    """ "softmax" or "sigmoid", whichever the file ends in; "" for neither. Raises BadFile."""
    if path.suffix.lower() == ".pte":
        from ..backends.executorch.session import metadata

        return "softmax" if metadata(path).get("probabilities") else ""
    kind = _onnx(path) if path.suffix.lower() == ".onnx" else _tflite(path)
    return {"SOFTMAX": "softmax", "Softmax": "softmax", "LOGISTIC": "sigmoid", "Sigmoid": "sigmoid"}.get(kind, "")


def _tflite(path: Path) -> str:
    from ..backends.tflite.inspect import OPERATORS, read_model

    model = read_model(path)
    graph = model.subgraphs[0]
    codes = [OPERATORS.get(max(c.builtinCode, c.deprecatedBuiltinCode), "") for c in model.operatorCodes]
    makers = {int(o.outputs[0]): (codes[o.opcodeIndex], int(o.inputs[0])) for o in graph.operators if len(o.inputs)}
    return _last(makers, int(graph.outputs[0]), TFLITE_PASSING)


def _onnx(path: Path) -> str:
    from ..backends.onnx.inspect import read

    graph = read(path).graph
    makers = {n.output[0]: (n.op_type, n.input[0]) for n in graph.node if n.input}
    return _last(makers, graph.output[0].name, ONNX_PASSING)


def _last(makers: dict[Any, tuple[str, Any]], tensor: Any, passing: set[str]) -> str:
    """The operation that decided the tensor; "" where none did."""
    kind, source = makers.get(tensor, ("", None))
    while kind in passing:
        kind, source = makers.get(source, ("", None))
    return kind
