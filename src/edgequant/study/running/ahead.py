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
from collections.abc import Mapping
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
from ..answering import runtime as judge
from ..making.variant import Variant, make
from ..networks.network import prepare
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
    study: Study,
    networks: list[tuple[NetworkSpec, Prepared]],
    variants: list[Variant],
    run: RunFolder,
    fresh: bool,
    progress: AbstractProgress,
) -> dict[str, EdgequantError]:
    """Variant id -> why it failed, for those that did; the steps of all others are in `run`.

    What a target does not support is left to the run, which finds out as soon. Raises RunFolderError, MissingExtra,
    DeviceError and UnknownName.
    """
    if (study.workers, study.pool) == (1, "local"):
        return {}
    pool = POOLS.build(study.pool)
    with run.shared() as token:
        tasks = [
            Errand(variant.id, FUNCTION, _asked(variant, spec, study, run, token, fresh))
            for variant in variants
            for spec, network in networks
            if network is variant.network
        ]
        ended = pool.work(tasks, study.workers, progress)
    return _failed(ended)


def _failed(ended: Mapping[str, EdgequantError | None]) -> dict[str, EdgequantError]:
    for error in ended.values():
        if isinstance(error, RunFolderError):
            raise error
    return {name: error for name, error in ended.items() if error and not isinstance(error, Unsupported)}


def _asked(variant: Variant, spec: NetworkSpec, study: Study, run: RunFolder, token: str, fresh: bool) -> Asked:
    """With the threads of the run, which `make` divides among the workers."""
    threads = torch.get_num_threads()
    return Asked(
        run.path.resolve(), token, study, spec, fresh, variant.network.key, variant.id, variant.recipe,
        variant.target, variant.calibration, threads, Path.cwd(), source_hash(), surroundings.all_told(),
    )  # fmt: skip


def make_one(asked: Asked, progress: AbstractProgress) -> None:
    """In a worker. Raises EdgequantError."""
    if source_hash() != asked.code:
        raise BadOption("A worker has another edgequant than the run. Expected the same: install it there again.")
    os.chdir(asked.cwd)
    torch.set_num_threads(asked.threads)
    surroundings.tell(asked.told)
    with RunFolder(asked.folder, joins=asked.token) as run:
        network = _network(asked, run, progress)
        variant = Variant(asked.variant, network, asked.recipe, asked.target, asked.calibration, asked.spec.train)
        made = make(variant, asked.study, run, progress)
        judge.answer(variant, made, asked.study.quick, run, progress)
        judge.memory(variant, made, run)


def _network(asked: Asked, run: RunFolder, progress: AbstractProgress) -> Prepared:
    """As the run has it, from its steps. Raises BadModel where it comes out otherwise."""
    for spec, network in _prepared:
        if (spec, network.key) == (asked.spec, asked.network):
            return network
    _prepared.clear()
    found = prepare(asked.spec, asked.study.seed, run, progress, asked.fresh)
    if found.key != asked.network:
        raise BadModel(
            f"{asked.spec.model} came out otherwise in a worker than in the run: other weights, data or graph."
            " Expected a model and data that are the same each time. Run with --workers 1."
        )
    _prepared.append((asked.spec, found))
    return found
