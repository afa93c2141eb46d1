"""What a run carries from room to room: what was asked, the folder its work is kept in, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from ..core.progress import AbstractProgress, Silent, Tick
from ..data.dataset import AbstractSplit
from ..data.draw import calibration_subset, drawn
from ..data.splits import Subset
from ..store.folder import Kept, RunFolder
from . import keys
from .prepared import Prepared
from .study import Calibration, Study


@final
@dataclass(frozen=True)
class Bench:
    """The study, its run folder, and the progress it shows. `fresh`: train again, also where weights are kept.

    A question that is no study (the doctor's, a network's in a test) brings a `Study` with its seed and nothing more.
    """

    study: Study
    folder: RunFolder
    progress: AbstractProgress = field(default_factory=Silent)
    fresh: bool = False

    def kept(
        self,
        name: str,
        inputs: Mapping[str, Any],
        make: Callable[[Path], dict[str, Any]],
        reads: keys.Parts | None = None,
        scratch: bool = False,
    ) -> Kept:
        """A step of the run folder (`RunFolder.step`): `make(folder)`, or what an earlier run made of the same.

        `reads`: what the step depends on besides its `inputs`: by default `keys.computed()`, that is the code and what
        decides its arithmetic; `keys.trained()` or `keys.measured()`. `scratch`: it resumes from what it left behind.
        Raises RunFolderError, and what `make` raises.
        """
        return self.folder.step(name, {**inputs, **(reads or keys.computed())}, make, scratch)

    def doing(self, text: str) -> AbstractContextManager[Tick]:
        """A bar for one piece of work; the function it gives takes (done, total)."""
        return self.progress.task(text)

    def say(self, text: str) -> None:
        """One line that stays."""
        self.progress.say(text)

    def choosing(self, network: Prepared) -> AbstractSplit:
        """The images by which every choice is made: of validation, as many as the study's `quick` says."""
        return drawn(network.splits.validation, self.study.quick)

    def judging(self, network: Prepared) -> AbstractSplit:
        """The images that a file answers: of test, or of what stands in for it (`Prepared.judged`), as `quick` says."""
        return drawn(network.judged, self.study.quick)

    def drawn(self, network: Prepared, calibration: Calibration) -> Subset:
        """The calibration images. Raises BadData where there are fewer than it asks for, or too few to be trusted."""
        return calibration_subset(network.splits.train, calibration.n, calibration.seed, self.study.allow_few)
