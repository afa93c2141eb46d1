"""Are two sets of images of one kind? Tests with a stated rate of false alarms instead of thresholds.

Every feature of `image_statistics` is compared by the two-sample Kolmogorov-Smirnov test, and the smallest p-value
is multiplied by their number (Bonferroni), so that a family of tests on two healthy sets alarms with probability
ALPHA at most, however the features depend on each other. On discrete features the test is conservative (Conover,
"Practical Nonparametric Statistics", 1999, section 6.3). Measured on random healthy subsets in
tests/data/test_two_sample.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array

ALPHA = 1e-4  # false alarms of one check on a healthy set: one in ten thousand


@dataclass(frozen=True)
class Comparison:
    """The feature in which two sets differ most. `p` is corrected for the number of features, at most 1."""

    feature: str
    here: float  # its median in the set that is judged
    there: float  # in the reference
    p: float

    @property
    def same(self) -> bool:
        return self.p >= ALPHA

    @property
    def seen(self) -> str:
        """`mean of channel 0: median 0.5, elsewhere 112; p = 1e-30`"""
        if self.same:
            return f"no difference found (p = {self.p:.2g})"
        return (
            f"{self.feature}: median {self.here:.3g}, {self.there:.3g} in the reference; p = {max(self.p, 1e-99):.1g}"
        )


def compare(here: Mapping[str, Array], there: Mapping[str, Array]) -> Comparison:
    """Of two results of `statistics` on sets of one number of channels."""
    from scipy.stats import ks_2samp

    found = [(float(ks_2samp(here[name], there[name], method="asymp").pvalue), name) for name in there]
    p, name = min(found)
    return Comparison(name, float(np.median(here[name])), float(np.median(there[name])), min(1.0, p * len(found)))


def matched(strata: Array | None, reference: Array | None, positions: Array) -> Array:
    """Of `positions` into the reference, those that have its strata (classes) in the proportions of `strata`.

    Else a set with more of one class would differ in its images too, and the classes would be the reason. All of
    `positions` where either has none, or one of `strata` is not among them: there is nothing to match with.
    """
    if strata is None or reference is None or not len(strata):
        return positions
    kinds, wanted = np.unique(strata, return_counts=True)
    by_kind = [positions[reference[positions] == kind] for kind in kinds]
    factor = min(len(there) / want for there, want in zip(by_kind, wanted))
    kept = [there[: round(factor * want)] for there, want in zip(by_kind, wanted)]
    return np.sort(np.concatenate(kept)) if all(len(k) for k in kept) else positions


def binomial_tail(count: int, n: int, share: float) -> float:
    """The probability of `count` or more in `n` draws, each with probability `share`."""
    from scipy.stats import binom

    return float(binom.sf(count - 1, n, share))
