"""How many images calibrate where nobody said: the usual number, or all that the data set's pool has."""

from __future__ import annotations

from collections.abc import Iterable

from ...data.draw import FEWEST, calibration_size
from ..plan import needs_images, recipes_of, settled
from ..prepared import Prepared
from ..study import NetworkSpec, Study

Networks = Iterable[tuple[NetworkSpec, Prepared]]


def draw_notes(study: Study, networks: Networks, always: bool = False) -> list[str]:
    """A line where the default number was not to be had, and one where there are fewer than can be trusted.

    Of networks with a recipe that looks at images; `always`: of all, as where layers are asked about.
    """
    about = [n for spec, n in networks if always or any(needs_images(recipe) for recipe in recipes_of(study, spec))]
    return list(dict.fromkeys(line for network in about for line in _notes(study, network)))


def _notes(study: Study, network: Prepared) -> list[str]:
    pool, usual = len(network.splits.train), calibration_size(None, 10**9)
    asked = [settled(one, network).n or 0 for one in study.calibration]
    lines = []
    if pool < usual and any(one.n is None for one in study.calibration):
        lines.append(
            f"{pool:,} calibration images: all that the calibration pool of {network.data} has; {usual} is the default."
        )
    if min(asked) < FEWEST:
        lines.append(
            f"--allow-few: {min(asked)} calibration images, where at least {FEWEST} are asked for. Ranges are"
            " uncertain, and so is every figure of a calibrated file."
        )
    return lines
