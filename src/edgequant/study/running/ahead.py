"""Variants made ahead, several at a time, in the processes of a pool (`workers` and `pool` of a study).

A worker makes a variant, has its file answer the test split and measures its memory: the very steps that a run
makes by itself, in the same folder (store/sharing.py). Then the run goes over the variants as one process would and
finds their steps made, so its results do not depend on the workers; what is measured in time is measured by the run
itself, alone. A variant whose worker died twice is recorded as failed.

To run with two workers: `edgequant run STUDY --workers 2`, or `workers = 2` in the study, or
`edgequant.run(study, overrides=["workers=2"])`. Each is a process `python -m edgequant.pools.worker`, a child of the
run; it dies with it. `steps/.locks` is there only while they work.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch

from ...catalog import POOLS
from ...core.errors import BadModel, BadOption, EdgequantError, RunFolderError, Unsupported
from ...core.progress import AbstractProgress
from ...pools.pool import Errand
from ...store import surroundings
from ...store.code import source_hash
from ...store.folder import RunFolder
from ..answering import runtime
from ..bench import Bench
from ..making.variant import make
from ..networks.network import prepare
from ..plan import Variant
from ..prepared import Prepared
from ..study import Calibration, NetworkSpec, Study

FUNCTION = f"{__name__}:make_one"

_prepared: list[tuple[NetworkSpec, Prepared]] = []  # of a worker: the network of its last task


@final
@dataclass(frozen=True)
class Asked:
    """A variant, by what it is made from."""

    folder: Path
    token: str
    study: Study
    spec: NetworkSpec
    fresh: bool
    network: str  # its key
    variant: str  # its id
    recipe: str
    target: str
    calibration: Calibration
    threads: int
    cwd: Path
    code: str  # hash of the run's
    told: dict[str, surroundings.Surroundings]  # of the run, whose steps these are


def make_ahead(
    bench: Bench, networks: Sequence[tuple[NetworkSpec, Prepared]], variants: Sequence[Variant]
) -> dict[str, EdgequantError]:
    """Variant id -> why it failed, for those that did; the steps of all others are in the run's folder.

    What a target does not support is left to the run, which finds out as soon. Raises RunFolderError, MissingExtra,
    DeviceError and UnknownName.
    """
    study = bench.study
    if (study.workers, study.pool) == (1, "local"):
        return {}
    pool = POOLS.build(study.pool)
    with bench.folder.shared() as token:
        tasks = [
            Errand(variant.id, FUNCTION, _asked(bench, spec, variant, token))
            for variant in variants
            for spec, network in networks
            if network is variant.network
        ]
        ended = pool.work(tasks, study.workers, bench.progress)
    return _failed(ended)


def _failed(ended: Mapping[str, EdgequantError | None]) -> dict[str, EdgequantError]:
    for error in ended.values():
        if isinstance(error, RunFolderError):
            raise error
    return {name: error for name, error in ended.items() if error and not isinstance(error, Unsupported)}


def _asked(bench: Bench, spec: NetworkSpec, variant: Variant, token: str) -> Asked:
    """With the threads of the run, which `make` divides among the workers."""
    return Asked(
        folder=bench.folder.path.resolve(),
        token=token,
        study=bench.study,
        spec=spec,
        fresh=bench.fresh,
        network=variant.network.key,
        variant=variant.id,
        recipe=variant.written,
        target=variant.target,
        calibration=variant.calibration,
        threads=torch.get_num_threads(),
        cwd=Path.cwd(),
        code=source_hash(),
        told=surroundings.all_told(),
    )


def make_one(asked: Asked, progress: AbstractProgress) -> None:
    """In a worker. Raises EdgequantError."""
    if source_hash() != asked.code:
        raise BadOption("A worker has another edgequant than the run. Expected the same: install it there again.")
    os.chdir(asked.cwd)
    torch.set_num_threads(asked.threads)
    surroundings.tell(asked.told)
    with RunFolder(asked.folder, joins=asked.token) as folder:
        bench = Bench(asked.study, folder, progress, asked.fresh)
        network = _network(bench, asked)
        variant = Variant(asked.variant, network, asked.recipe, asked.target, asked.calibration, asked.spec.train)
        made = make(bench, variant)
        runtime.answer(bench, made)
        runtime.memory(bench, made)


def _network(bench: Bench, asked: Asked) -> Prepared:
    """As the run has it, from its steps. Raises BadModel where it comes out otherwise."""
    for spec, network in _prepared:
        if (spec, network.key) == (asked.spec, asked.network):
            return network
    _prepared.clear()
    found = prepare(bench, asked.spec)
    if found.key != asked.network:
        raise BadModel(
            f"{asked.spec.model} came out otherwise in a worker than in the run: other weights, data or graph."
            " Expected a model and data that are the same each time. Run with --workers 1."
        )
    _prepared.append((asked.spec, found))
    return found
