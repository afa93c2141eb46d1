"""What a user can type in this very case: the commands with the names filled in."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from ...catalog import BACKENDS
from .case import Case

OUT = "runs/again"
RECIPE = "w8a8"


@dataclass(frozen=True)
class Remedies:
    """`data`, `target` and `recipe` are those that the file was made with, as far as anything says."""

    case: Case
    data: str
    target: str = "litert"
    recipe: str = RECIPE
    samples: int = 500  # calibration images that the data can give, at most the default
    checked: bool = False  # whether the calibration set was given, and nothing was found wrong with it

    def again(self, method: str = "", recipe: str = "", output: str = "") -> str:
        """The command that makes the file again, calibrated on the data's own training images."""
        case = self.case
        if case.of_file:
            return self._elsewhere(method, recipe, output)
        if case.of_study:
            changes = [f"calibration.0.method={method}"] if method else []
            changes += [f'recipes=["float32", "{recipe}"]'] if recipe else []
            changes += [f'network.{case.network}.output="{output}"'] if output else []
            options = [f"--set {shlex.quote(change)}" for change in changes]
            return " ".join(["edgequant run", shlex.quote(case.source), *options, "--out", OUT])
        words = [
            *("edgequant quantize", shlex.quote(case.source), "--data", shlex.quote(self.data)),
            *(("--weights", shlex.quote(case.weights)) if case.weights else ()),
            *("--recipe", recipe or self.recipe, "--target", self.target),
            *(("--calibrate", method) if method else ()),
            *(("--output", output) if output else ()),
            *("--samples", str(self.samples), *(("--allow-few",) if self.samples < 100 else ()), "--out", OUT),
        ]
        return " ".join(words)

    def _elsewhere(self, method: str, recipe: str, output: str) -> str:
        """There is nothing to type for a file of another tool: what to do there."""
        how = f", with {method} ranges" if method else ""
        what = (f" as {recipe}" if recipe else "") + (" without its last softmax or sigmoid" if output else "")
        return (
            f"make {self.case.file} again{what} with the tool that made it, calibrated on at least 300 training images"
            f" of {self.data}, preprocessed as the float network takes them{how}"
        )

    @property
    def wider(self) -> str:
        """The recipe of finer activations that the target has."""
        return "w8a16" if 16 in BACKENDS.get(self.target).capability.activation_bits else "w8"

    def ladder(self) -> tuple[str, ...]:
        """The remedies in the order in which they are worth trying; the first only where it was not done already.

        A better calibration set, another range method, mixed precision, training with quantization.
        """
        better = () if self.checked else (self.again(),)
        return (
            *better,
            self.again(method="mse"),
            self.again(recipe=self.wider),
            self.again(recipe=f"{self.recipe}+qat"),
        )
