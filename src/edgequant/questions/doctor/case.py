"""What the doctor is asked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import BadOption
from ...core.pixels import NOTHING, Stated
from ...files.input import is_finished
from ...study.study import NetworkSpec, Study, load_study, shipped


@dataclass(frozen=True)
class Case:
    """What the doctor is asked. Empty options take what the source, the file or the data say."""

    source: str
    file: Path
    data: str = ""
    weights: str = ""
    calibration: str = ""
    samples: int = 0
    seed: int = 0
    target: str = ""
    images: int = 500
    network: int = 0
    pixels: Stated = NOTHING  # how the file is fed, and the network, where it does not say it
    float_pixels: Stated = NOTHING  # how the float network is fed, where that is to be otherwise

    @property
    def of_study(self) -> bool:
        return self.source in shipped() or self.source.endswith(".toml")

    @property
    def of_file(self) -> bool:
        """Whether the float network is a finished file, which edgequant can hold against but not quantize."""
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
