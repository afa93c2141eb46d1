"""Does the file compute what was promised? One dict of figures per mode, with the same keys.

*integer*: a static file against the bit-exact executor, in steps of the output's grid (LSB). The gate is narrow where
every step runs in integers, wider where some stay float.
*float*: float32, float16 and weight-only files against PyTorch. *dynamic*: against a simulation that quantizes
activations on the fly as the runtime does; its sums in float may be added in another order, so answers are compared.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..core.arrays import Array
from ..core.errors import BadModel
from ..recipe.scheme import INTEGER, Gate, RecipeKind

Mode = Literal["integer", "float", "dynamic"]
OFF_GRID = 0.25  # of a step. Dequantizing to float32 errs by less than 0.01 even for int16; a real difference is 1


# Static, with steps that stay float between the integer ones. Their sums are added in another order than the runtime's
# (and a sigmoid is approximated otherwise), so that an integer on a rounding edge flips, and others after it.
PARTLY_FLOAT = Gate(agreement=0.995, exact=0.99)
FLOAT = Gate(max_relative=1e-3)
FLOAT16 = Gate(max_relative=2e-2)
DYNAMIC = Gate(agreement=0.995)


def parity(outputs: Array, promised: Array, kind: RecipeKind, step: float, gate: Gate) -> dict[str, Any]:
    """Compare (N, classes) scores of a file with the simulation's, as the recipe's kind asks. Raises BadModel.

    `step` of the output's grid, 0 for float scores; `gate`: what integers must pass, the target's own
    (`Capability.gate`) where every step runs in them, else `PARTLY_FLOAT`.
    """
    if kind == "static" and step:
        return integer_parity(outputs, promised, step, gate)
    if kind == "dynamic":
        return float_parity(outputs, promised, DYNAMIC, "dynamic")
    return float_parity(outputs, promised, FLOAT16 if kind == "float16" else FLOAT)


def integer_parity(file_outputs: Array, executor_outputs: Array, step: float, gate: Gate = INTEGER) -> dict[str, Any]:
    """Compare (N, classes) float scores that lie on one grid of `step` (integers: pass a step of 1).

    A score that is off the grid counts as different and is rounded up to whole steps. Raises BadModel.
    """
    if not step > 0:
        raise BadModel(
            f"Integer parity needs the step of the file's output. Got {step}: the output is float."
            " Use a recipe that quantizes the classifier's output, or compare with mode 'float'."
        )
    _check(file_outputs, executor_outputs)
    steps = np.abs(file_outputs.astype(np.float64) - executor_outputs) / step
    figures = _figures(file_outputs, executor_outputs)
    figures["exact_fraction"] = float((steps <= OFF_GRID).mean())
    figures["max_lsb"] = int(np.ceil(steps.max() - OFF_GRID))
    return _judged("integer", figures, gate, executor_outputs)


def float_parity(
    file_outputs: Array, reference_outputs: Array, gate: Gate = FLOAT, mode: Mode = "float"
) -> dict[str, Any]:
    """Compare (N, classes) float scores with PyTorch's or, "dynamic", with a simulation's. Raises BadModel."""
    _check(file_outputs, reference_outputs)
    return _judged(mode, _figures(file_outputs, reference_outputs), gate, reference_outputs)


def _check(ours: Array, theirs: Array) -> None:
    if ours.shape != theirs.shape or ours.ndim != 2 or not ours.size:
        raise BadModel(
            f"Parity needs two sets of scores (N, classes) on the same images. Got {ours.shape} and {theirs.shape}."
            " Check that both sides are the same network."
        )
    bad = int((~np.isfinite(ours)).sum()), int((~np.isfinite(theirs)).sum())
    if any(bad):
        raise BadModel(
            f"Parity needs finite scores. {bad[0]} of the file's and {bad[1]} of the reference's {ours.size} are not."
            " Check the model's weights and the calibration ranges."
        )


def _figures(ours: Array, theirs: Array) -> dict[str, Any]:
    return {
        "top1_agreement": float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
        "exact_fraction": None,
        "max_lsb": None,
        "max_abs": float(np.abs(ours.astype(np.float64) - theirs).max()),
    }


def _judged(mode: Mode, figures: dict[str, Any], gate: Gate, reference: Array) -> dict[str, Any]:
    """The figures with their verdict: `gate` is passed or failed, `reason` says by what."""
    missed = list(_missed(figures, gate, float(np.abs(reference).max())))
    return {"mode": mode, **figures, "gate": "failed" if missed else "passed", "reason": "; ".join(missed)}


def _missed(figures: dict[str, Any], gate: Gate, largest: float) -> list[str]:
    missed = []
    if gate.agreement is not None and figures["top1_agreement"] < gate.agreement:
        missed.append(f"top-1 agreement {figures['top1_agreement']:.4%}, at least {gate.agreement:.4%} expected")
    if gate.exact is not None and figures["exact_fraction"] < gate.exact:
        missed.append(f"{figures['exact_fraction']:.4%} of the integers equal, at least {gate.exact:.4%} expected")
    if gate.max_lsb is not None and figures["max_lsb"] > gate.max_lsb:
        missed.append(f"{figures['max_lsb']} steps apart, at most {gate.max_lsb} expected")
    if gate.max_relative is not None and figures["max_abs"] > gate.max_relative * largest:
        missed.append(
            f"{figures['max_abs']:.3g} apart, at most {gate.max_relative:g} of the largest score {largest:.3g} expected"
        )
    return missed
