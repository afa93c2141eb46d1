"""What of each Keras layer and operation is read: every option of its constructor.

Each is "read", "without effect" on what the layer computes here (what draws, punishes or shapes its weights, which
are read as they are; what matters while a network is trained), or "refused". `KerasCall.get` takes values by this table
alone; a test holds it against the constructors of the installed Keras, so that a new option cannot go unnoticed.
"""

from __future__ import annotations

from typing import Any

from ....core.options import IDLE, READ, Entries, Option, refused

COMMON: Entries = {  # of every layer, `dtype` for all of them by `KerasCall`
    **dict.fromkeys(("activity_regularizer", "autocast", "name", "trainable"), IDLE),
    "dtype": READ,
}


def _weights(*names: str) -> dict[str, Option]:
    """Of weights: how they are drawn, and what training makes them keep to."""
    return {f"{name}_{what}": IDLE for name in names for what in ("initializer", "regularizer", "constraint")}


def _idle(*names: str) -> dict[str, Option]:
    return dict.fromkeys(names, IDLE)


def _read(*names: str) -> dict[str, Option]:
    return dict.fromkeys(names, READ)


_LORA = _idle("lora_rank", "lora_alpha")  # the layer's kernel holds them
_CONV = {
    **_idle("rank", "kernel_size", "use_bias"),  # of the weights
    **_read("strides", "padding", "data_format", "dilation_rate", "activation"),
    **_weights("bias"),
}
_POOL = {**_read("pool_size", "strides", "padding", "data_format"), **_idle("pool_dimensions", "pool_mode")}
_GLOBAL = {**_read("data_format", "keepdims"), **_idle("pool_dimensions")}
_RANDOM = _idle("bounding_box_format", "data_format", "factor", "seed")
_COLOURED = {**_RANDOM, **_idle("value_range")}
_TURNED = {**_RANDOM, **_idle("fill_mode", "fill_value", "interpolation")}
_MOVED = {**_TURNED, **_idle("height_factor", "width_factor")}
_DROPPED = _idle("noise_shape", "rate", "seed")

LAYER_TABLE: dict[str, Entries] = {
    "Activation": _read("activation"),
    "ActivityRegularization": _idle("l1", "l2"),
    "Add": {},
    "AlphaDropout": _DROPPED,
    "Average": {},
    "AveragePooling2D": _POOL,
    "BatchNormalization": {
        **_read("axis", "epsilon", "momentum"),
        **_idle("center", "scale", "renorm", "renorm_clipping", "renorm_momentum", "synchronized"),
        **_weights("beta", "gamma"),
        **_idle("moving_mean_initializer", "moving_variance_initializer"),
    },
    "Concatenate": _read("axis"),
    "Conv2D": {**_CONV, **_LORA, **_idle("filters"), **_weights("kernel"), **_read("groups")},
    "Conv2DTranspose": {**_CONV, **_idle("filters"), **_weights("kernel"), **_read("output_padding")},
    "Cropping2D": _read("cropping", "data_format"),
    "Dense": {
        **_idle("units", "use_bias"),
        **_read("activation"),
        **_LORA,
        **_weights("kernel", "bias"),
        "quantization_config": refused(),
    },
    "DepthwiseConv2D": {**_CONV, **_idle("depth_multiplier"), **_weights("depthwise")},
    "Dropout": {**_DROPPED, "rate": READ},
    "ELU": _read("alpha"),
    "Flatten": _read("data_format"),
    "GaussianDropout": _idle("rate", "seed"),
    "GaussianNoise": _idle("stddev", "seed"),
    "GlobalAveragePooling2D": _GLOBAL,
    "GlobalMaxPooling2D": _GLOBAL,
    "Identity": {},
    "LayerNormalization": {
        **_read("axis", "epsilon"),
        **_idle("center", "scale"),
        **_weights("beta", "gamma"),
        "rms_scaling": refused(False),
    },
    "LayerScale": _idle("init_values", "projection_dim"),
    "LeakyReLU": _read("negative_slope"),
    "MaxPooling2D": _POOL,
    "Maximum": {},
    "Minimum": {},
    "Multiply": {},
    "Normalization": {**_read("mean", "variance", "invert"), **_idle("axis")},  # which their shapes say
    "PReLU": {**_weights("alpha"), **_idle("shared_axes")},  # the same
    "RandomBrightness": _COLOURED,
    "RandomColorJitter": {
        **_COLOURED,
        **_idle("brightness_factor", "contrast_factor", "saturation_factor", "hue_factor"),
    },
    "RandomContrast": _COLOURED,
    "RandomErasing": {**_COLOURED, **_idle("scale", "fill_value")},
    "RandomFlip": {**_RANDOM, **_idle("mode")},
    "RandomHue": _COLOURED,
    "RandomRotation": _TURNED,
    "RandomSaturation": _COLOURED,
    "RandomTranslation": _MOVED,
    "RandomZoom": _MOVED,
    "ReLU": {**_read("max_value", "negative_slope"), "threshold": refused(0.0)},
    "Rescaling": _read("scale", "offset"),
    "Reshape": _idle("target_shape"),  # the result has it
    "SeparableConv2D": {**_CONV, **_idle("filters", "depth_multiplier"), **_weights("depthwise", "pointwise")},
    "Softmax": _read("axis"),
    "SpatialDropout2D": {**_DROPPED, **_read("rate"), **_idle("data_format")},
    "StochasticDepth": _idle("drop_path_rate"),
    "Subtract": {},
    "UpSampling2D": _read("size", "data_format", "interpolation"),
    "ZeroPadding2D": _read("padding", "data_format"),
}
OPERATION_TABLE: dict[str, Entries] = {  # keras.ops, some of whose names are layers' too
    "Add": {},
    "Divide": {},
    "Gelu": _read("approximate"),
    "HardSigmoid": {},
    "HardSilu": {},
    "Maximum": {},
    "Mean": _read("axis", "keepdims"),
    "Minimum": {},
    "Multiply": {},
    "Relu": {},
    "Relu6": {},
    "Sigmoid": {},
    "Silu": {},
    "Subtract": {},
    "Tanh": {},
    "TrueDivide": {},
}


def kind_of(layer: Any) -> str:
    """The name of Keras' own class; empty for a class of the user's, whatever it is called."""
    return type(layer).__name__ if type(layer).__module__.partition(".")[0] == "keras" else ""


def entries_of(layer: Any) -> Entries | None:
    """Its options by name; None for a kind without an entry."""
    kind = kind_of(layer)
    if hasattr(layer, "dtype_policy"):
        return {**COMMON, **LAYER_TABLE[kind]} if kind in LAYER_TABLE else None
    return OPERATION_TABLE.get(kind)


def reads_layout(layer: Any) -> bool:
    """Whether it works on the layout that its `data_format` says."""
    entries = entries_of(layer)
    if entries is None:
        return hasattr(layer, "data_format")
    return "data_format" in entries and entries["data_format"].fate == "read"
