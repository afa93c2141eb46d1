"""What the doctor is asked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, final

from ...core.errors import BadOption
from ...core.help import Help
from ...core.pixels import NOTHING, Stated, Words
from ...study.study import NetworkSpec, Study, load_study, shipped
from ..source import File


@final
@dataclass(frozen=True)
class Case:
    """What the doctor is asked. Empty options take what the source, the file or the data say."""

    source: Annotated[str, Help("The float network: a model, a study, or its float file.", metavar="MODEL|STUDY|FLOAT")]
    file: File
    data: Annotated[str, Help("The data set; a study has its own.")] = ""
    weights: Annotated[str, Help("Of the model: a .safetensors or .pt file.")] = ""
    calibration: Annotated[str, Help("What calibrated the file: a data set, or FILE.npz / .npy of arrays.")] = ""
    samples: Annotated[int, Help("Calibration images, where the file was calibrated on the data's own.")] = 0
    seed: Annotated[
        int, Help("Random seed for the calibration draw and for choosing the validation images to examine.")
    ] = 0
    target: Annotated[str, Help("How the app opens the file, as litert:delegate=false.")] = ""
    images: Annotated[int, Help("Validation images that are looked at.")] = 500
    network: Annotated[int, Help("Which of a study's networks, from 0.")] = 0
    pixels: Stated = NOTHING  # how the file is fed, and the network, where it does not say it
    float_mean: Annotated[Words, Help("Of FLOAT, where the file is fed otherwise.")] = ""
    float_std: Annotated[Words, Help("Of FLOAT, where the file is fed otherwise.")] = ""

    @property
    def float_pixels(self) -> Stated:
        """How the float network is fed, where that is to be otherwise than the file."""
        return Stated(mean=self.float_mean, std=self.float_std)

    @property
    def of_study(self) -> bool:
        return self.source in shipped() or self.source.endswith(".toml")

    @property
    def of_file(self) -> bool:
        """Whether the float network is a finished file, which edgequant can hold against but not quantize."""
        from ...files.input import is_finished  # a command's options are read before anything heavy is

        return is_finished(Path(self.source))

    def study(self) -> Study:
        """One that has the float network alone, and its seed; no network where that is a file. Raises BadOption."""
        if not self.of_study and not self.data:
            raise BadOption(f"The doctor needs images for {self.source}. Give --data cifar10 (edgequant list data).")
        if self.of_file:
            return Study()
        if not self.of_study:
            return Study(network=(NetworkSpec(model=self.source, data=self.data, weights=self.weights),))
        study, number = load_study(self.source), self.network
        if not 0 <= number < len(study.network):
            raise BadOption(
                f"The study {self.source} has {len(study.network)} network{'s' * (len(study.network) > 1)}, counted"
                f" from 0. Got {number}. Write --network {len(study.network) - 1} for the last."
            )
        spec = study.network[number]
        spec = dataclasses.replace(spec, data=self.data or spec.data, weights=self.weights or spec.weights)
        return Study(seed=study.seed, network=(spec,))
