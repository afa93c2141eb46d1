"""What of a .tflite is read: the options of every operator that has a reader, and the fields of the records around.

`FileOperator.option` takes values from `TABLE` alone; a test holds both tables against the schema, so that a field
which a later schema adds cannot go unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from ...core.options import IDLE, READ, Entries, Option, refused


@final
@dataclass(frozen=True)
class Row:
    """`options` is the schema's class, without which all fields have their defaults; empty where it has none."""

    options: str = ""
    fields: Entries = field(default_factory=dict)


def row(options: str = "", **fields: Option) -> Row:
    return Row(options, fields)


_FUSED = {"fusedActivationFunction": READ}
_STRIDES = {"padding": READ, "strideW": READ, "strideH": READ}
_DILATION = {"dilationWFactor": READ, "dilationHFactor": READ}
_POOL = row("Pool2DOptions", **_FUSED, **_STRIDES, filterWidth=READ, filterHeight=READ)
_SUM = {**_FUSED, "potScaleInt16": READ}
_RESIZE = {"alignCorners": READ, "halfPixelCenters": READ}

TABLE: dict[str, Row] = {
    "ADD": row("AddOptions", **_SUM),
    "AVERAGE_POOL_2D": _POOL,
    "CONCATENATION": row("ConcatenationOptions", **_FUSED, axis=READ),
    "CONV_2D": row("Conv2DOptions", **_FUSED, **_STRIDES, **_DILATION, quantizedBiasType=READ),
    "DEPTHWISE_CONV_2D": row("DepthwiseConv2DOptions", **_FUSED, **_STRIDES, **_DILATION, depthMultiplier=READ),
    "DEPTH_TO_SPACE": row("DepthToSpaceOptions", blockSize=READ),
    "DEQUANTIZE": row("DequantizeOptions"),
    "ELU": row(),
    "FULLY_CONNECTED": row(
        "FullyConnectedOptions",
        **_FUSED,
        weightsFormat=refused(0),  # 1 is shuffled weights
        keepNumDims=READ,
        asymmetricQuantizeInputs=IDLE,  # of float inputs beside integer weights, which XNNPACK rounds so always
        quantizedBiasType=READ,
        quantSpec=refused(),
    ),
    "GELU": row("GeluOptions", approximate=READ),
    "HARD_SWISH": row("HardSwishOptions"),
    "LEAKY_RELU": row("LeakyReluOptions", alpha=READ),
    "LOGISTIC": row(),
    "MAX_POOL_2D": _POOL,
    "MEAN": row("ReducerOptions", keepDims=READ),
    "MIRROR_PAD": row("MirrorPadOptions", mode=READ),
    "MUL": row("MulOptions", **_FUSED),
    "PAD": row("PadOptions"),
    "PADV2": row("PadV2Options"),
    "QUANTIZE": row("QuantizeOptions"),
    "RELU": row(),
    "RELU6": row(),
    "RESHAPE": row("ReshapeOptions", newShape=READ),
    "RESIZE_BILINEAR": row("ResizeBilinearOptions", **_RESIZE),
    "RESIZE_NEAREST_NEIGHBOR": row("ResizeNearestNeighborOptions", **_RESIZE),
    "RSQRT": row(),
    "SLICE": row("SliceOptions"),
    "SOFTMAX": row("SoftmaxOptions", beta=READ),
    "SQUEEZE": row("SqueezeOptions", squeezeDims=READ),
    "STRIDED_SLICE": row(
        "StridedSliceOptions",
        beginMask=refused(0),
        endMask=refused(0),
        ellipsisMask=refused(0),
        newAxisMask=refused(0),
        shrinkAxisMask=refused(0),
        offset=refused(False),  # the end counts from the begin
    ),
    "SUB": row("SubOptions", **_SUM),
    "TANH": row(),
    "TRANSPOSE": row("TransposeOptions"),
}

RECORDS: dict[str, Mapping[str, Option]] = {
    "Model": {
        "version": refused(3),
        "operatorCodes": READ,
        "subgraphs": READ,
        "buffers": READ,
        "metadata": READ,
        "description": IDLE,
        "metadataBuffer": IDLE,
        "signatureDefs": IDLE,  # names for the inputs and outputs of the one graph
        "externalBufferGroups": IDLE,  # a tensor that refers to them is refused
        "externalBuffers": IDLE,
    },
    "SubGraph": {
        "tensors": READ,
        "inputs": READ,
        "outputs": READ,
        "operators": READ,
        "name": IDLE,
        "debugMetadataIndex": IDLE,
    },
    "OperatorCode": {
        "deprecatedBuiltinCode": READ,
        "builtinCode": READ,
        "customCode": READ,
        "version": IDLE,  # says which kernels know the options that are used
    },
    "Operator": {
        "opcodeIndex": READ,
        "inputs": READ,
        "outputs": READ,
        "builtinOptionsType": READ,
        "builtinOptions": READ,
        "builtinOptions2Type": IDLE,  # of StableHLO's operators, none of which has a reader
        "builtinOptions2": IDLE,
        "customOptions": IDLE,  # of custom operators
        "customOptionsFormat": IDLE,
        "largeCustomOptionsOffset": IDLE,
        "largeCustomOptionsSize": IDLE,
        "mutatingVariableInputs": IDLE,  # of recurrent operators; a variable tensor is refused
        "intermediates": IDLE,
        "debugMetadataIndex": IDLE,
    },
    "Tensor": {
        "shape": READ,
        "type": READ,
        "buffer": READ,
        "name": READ,
        "quantization": READ,
        "isVariable": refused(False),  # it keeps its value from call to call
        "sparsity": refused(),
        "variantTensors": refused(),
        "externalBuffer": refused(0),
        "shapeSignature": IDLE,  # which sizes may change; the runtime starts with `shape`
        "hasRank": IDLE,
    },
    "QuantizationParameters": {
        "scale": READ,
        "zeroPoint": READ,
        "quantizedDimension": READ,
        "detailsType": refused(0),  # scales for blocks of values
        "details": refused(),
        "min": IDLE,  # the range that was observed
        "max": IDLE,
    },
    "Buffer": {"data": READ, "offset": refused(0), "size": refused(0)},  # data behind the flatbuffer, beyond 2 GB
}
