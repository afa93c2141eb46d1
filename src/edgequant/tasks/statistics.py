"""What a count of right answers says, and what it does not: intervals and paired tests.

Sources. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3 (percentile interval).
McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12
(1947), in its exact binomial form. Tango, "Equivalence test and confidence interval for the difference in proportions
for the paired-sample design", Statistics in Medicine 17 (1998).
"""

from __future__ import annotations

import math

import numpy as np

from ..core.arrays import Array
from ..core.errors import BadData

Z95 = 1.959963984540054  # the 97.5% quantile of the normal distribution


def wilson(correct: int, n: int) -> tuple[float, float]:
    """The 95% score interval of an accuracy, as fractions (Wilson 1927); (0, 1) where n is 0.

    Unlike the textbook's p +- 1.96 sqrt(p(1-p)/n) it stays in [0, 1] and has a width at 0 and at n right answers.
    """
    if n == 0:
        return 0.0, 1.0
    p, z2 = correct / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))  # p lies inside, rounding or not


def paired_drop(base_hits: Array, hits: Array, seed: int, draws: int = 10_000) -> tuple[float, tuple[float, float]]:
    """(drop, (low, high)) in percentage points; positive is worse than the baseline. `*_hits` are (N,) bool.

    The interval is the 95% percentile interval of a bootstrap over images, each with its two answers (paired).
    An image's difference is -1, 0 or 1, and a mean depends only on how often each was drawn. Those three counts
    of a resample follow a multinomial law, so drawing them directly *is* the bootstrap, exactly, in no time.

    Raises BadData where the two are not answers on the same images, or there are none.
    """
    lost, won, n = _discordant(base_hits, hits)
    counts = np.random.default_rng(seed).multinomial(n, [won / n, (n - won - lost) / n, lost / n], size=draws)
    drops = 100.0 * (counts[:, 2] - counts[:, 0]) / n
    low, high = np.percentile(drops, [2.5, 97.5])
    return 100.0 * (lost - won) / n, (float(low), float(high))


def mcnemar(base_hits: Array, hits: Array) -> float:
    """The two-sided p-value of "neither is better", exact binomial on the images where only one is right.

    1.0 where there are none. Raises BadData as `paired_drop` does.
    """
    from scipy.stats import binomtest

    lost, won, _ = _discordant(base_hits, hits)
    return float(binomtest(lost, lost + won, 0.5).pvalue) if lost + won else 1.0


def paired_limits(base_hits: Array, hits: Array) -> tuple[float, float]:
    """The 95% score interval of the paired drop, in percentage points (Tango 1998); positive is worse.

    What a promise ("loses at most") is held against. The bootstrap draws only what was seen: where no answer changed
    its interval is 0 to 0, on ten images as on ten thousand. This one still reaches 3.7 points on a hundred images.
    Raises BadData as `paired_drop` does.
    """
    lost, won, n = _discordant(base_hits, hits)
    # (d - nD) / sqrt(n(2q + D(1 - D))) = +-z, where q is the likeliest share of images lost given the difference D of
    # proportions; it falls as D grows, from beyond +z at D = -1 to beyond -z at D = 1.
    return _root(lost, won, n, Z95), _root(lost, won, n, -Z95)


def _root(lost: int, won: int, n: int, wanted: float) -> float:
    """Points at which Tango's statistic is `wanted`, by bisection."""
    low, high = -1.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _score(lost, won, n, middle) > wanted else (low, middle)
    return 50.0 * (low + high)


def _score(lost: int, won: int, n: int, delta: float) -> float:
    """Tango's statistic of the hypothesis that the drop is `delta`, a fraction; equations (10) and (11)."""
    b = -lost - won + (2 * n - lost + won) * delta
    c = -won * delta * (1 - delta)
    q = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    variance = n * (2 * q + delta * (1 - delta))
    distance = lost - won - n * delta
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance) if distance else 0.0


def beats(correct: int, n: int, level: float) -> float:
    """The one-sided exact binomial p-value of `correct` right answers of `n`, if each is right with chance `level`.

    Small where that many are not to be had by chance; 1.0 where n is 0.
    """
    from scipy.stats import binomtest

    return float(binomtest(correct, n, min(1.0, level), alternative="greater").pvalue) if n else 1.0


def _discordant(base_hits: Array, hits: Array) -> tuple[int, int, int]:
    """(lost, won, n): right before and wrong now; wrong before and right now; images."""
    if base_hits.shape != hits.shape or hits.ndim != 1 or not len(hits):
        raise BadData(
            f"A paired test needs two answers on each of the same images. Got {base_hits.shape} and {hits.shape}."
            " Evaluate both on one split."
        )
    before, now = base_hits.astype(bool), hits.astype(bool)
    return int((before & ~now).sum()), int((~before & now).sum()), len(hits)
