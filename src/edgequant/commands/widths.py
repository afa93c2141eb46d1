"""`sweep`, `sensitivity`, `search`: which bits, for the whole network and layer by layer."""

from __future__ import annotations

import typer

from ..questions.search.asked import AskedSearch
from ..questions.sensitivity.asked import AskedSensitivity
from ..questions.sweep import AskedSweep
from .options import Fresh, Where
from .terminal import progress


def sweep(asked: AskedSweep, where: Where, fresh: Fresh = False) -> None:
    """Every combination of weight and activation bits, simulated: accuracy against compression."""
    from .. import api
    from ..console.runs import show_sweep
    from ..study.results import exit_status

    with progress() as bars:
        finished = api.sweep(asked, where.out, overrides=where.overrides, fresh=fresh, progress=bars)
    show_sweep(finished)
    raise typer.Exit(exit_status(finished.results))


def sensitivity(asked: AskedSensitivity, where: Where, fresh: Fresh = False) -> None:
    """Which layers hurt when they are quantized, and what to keep wider: a table, a chart, an overlay. Simulated."""
    from .. import api
    from ..console.layers import show_sensitivity

    with progress() as bars:
        finished = api.sensitivity(asked, where.out, overrides=where.overrides, fresh=fresh, progress=bars)
    show_sensitivity(finished)


def search(asked: AskedSearch, where: Where, fresh: Fresh = False) -> None:
    """Mixed precision: the scheme of each layer under a budget, from measured costs. Writes a recipe file."""
    from .. import api
    from ..console.layers import show_search

    with progress() as bars:
        finished = api.search(asked, where.out, overrides=where.overrides, fresh=fresh, progress=bars)
    show_search(finished)
