"""What a user can type in this very case: the commands with the names filled in."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

OUT = "runs/again"
RECIPE = "w8a8"


@dataclass(frozen=True)
class Ways:
    """`source` is what was given as the float network; `remakes`: edgequant can quantize it (no finished file)."""

    source: str
    file: str
    data: str
    study: bool = False
    remakes: bool = True
    weights: str = ""
    target: str = "litert"
    recipe: str = RECIPE
    samples: int = 500  # calibration images that the data can give, at most the default
    network: int = 0  # of a study: which of its networks
    checked: bool = False  # whether the calibration set was given, and nothing was found wrong with it

    def again(self, method: str = "", recipe: str = "", output: str = "") -> str:
        """The command that makes the file again, calibrated on the data's own training images."""
        if not self.remakes:
            return self._elsewhere(method, recipe, output)
        if self.study:
            return " ".join(
                ["edgequant run", shlex.quote(self.source), *self._set(method, recipe, output), "--out", OUT]
            )
        words = [
            *("edgequant quantize", shlex.quote(self.source), "--data", shlex.quote(self.data)),
            *(("--weights", shlex.quote(self.weights)) if self.weights else ()),
            *("--recipe", recipe or self.recipe, "--target", self.target),
            *(("--calibrate", method) if method else ()),
            *(("--output", output) if output else ()),
            *("--samples", str(self.samples), *(("--allow-few",) if self.samples < 100 else ()), "--out", OUT),
        ]
        return " ".join(words)

    def _set(self, method: str, recipe: str, output: str = "") -> list[str]:
        changes = [f"calibration.0.method={method}"] if method else []
        changes += [f'recipes=["float32", "{recipe}"]'] if recipe else []
        changes += [f'network.{self.network}.output="{output}"'] if output else []
        return [f"--set {shlex.quote(change)}" for change in changes]

    def _elsewhere(self, method: str, recipe: str, output: str = "") -> str:
        """There is nothing to type for a file of another tool: what to do there."""
        how = f", with {method} ranges" if method else ""
        what = (f" as {recipe}" if recipe else "") + (" without its last softmax or sigmoid" if output else "")
        return (
            f"make {self.file} again{what} with the tool that made it, calibrated on at least 300 training images of"
            f" {self.data}, preprocessed as the float network takes them{how}"
        )

    @property
    def wider(self) -> str:
        """The recipe of finer activations that the target has."""
        return "w8a16" if self.target.startswith("litert") else "w8"

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
