"""Workers of a Ray cluster: many machines, or this one. https://docs.ray.io/en/latest/ray-core/tasks.html

Every machine has this package and the data, and sees the run folder under the same path, on a file system that
carries locks. Without an address a cluster is started on this machine and stopped again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

from ..core.errors import DeviceError, EdgequantError
from ..core.extras import need
from ..core.progress import AbstractProgress
from .pool import AbstractPool, Errand
from .turns import Turns
from .worker import gathered


@final
@dataclass(frozen=True)
class Ray(AbstractPool):
    """`address` of a cluster ("auto": the one of this machine); `store_mb`: of object memory, where one is started.

    Progress: what an errand says is shown when it has ended.
    """

    address: str = ""
    store_mb: int = 100

    def work(
        self, errands: Sequence[Errand], workers: int, progress: AbstractProgress
    ) -> Mapping[str, EdgequantError | None]:
        turns, running = Turns(errands, progress), dict[Any, Errand]()
        with self._cluster(workers) as ray:
            remote = ray.remote(num_cpus=1, max_retries=0)(gathered)
            try:
                while not turns.over:
                    while len(running) < workers and (errand := turns.next()):
                        running[remote.remote(errand)] = errand
                    for one in ray.wait(list(running))[0]:
                        errand = running.pop(one)
                        try:
                            lines, (kind, content) = ray.get(one)
                        except ray.exceptions.RayError as error:  # how Ray tells that a worker died
                            lines, kind, content = [], "crashed", f"its Ray worker was lost ({type(error).__name__})"
                        for line in lines:
                            progress.say(f"{errand.name}: {line.strip()}")
                        (turns.done if kind == "done" else turns.died)(errand, content)
            finally:
                for one in running:
                    ray.cancel(one, force=True)
        return turns.ended

    @contextmanager
    def _cluster(self, workers: int) -> Iterator[Any]:
        """Ray, connected. One that was connected before stays so. Raises MissingExtra and DeviceError."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it reports to its makers
        ray = need("ray", "ray", "The pool 'ray'")
        if ray.is_initialized():
            yield ray
            return
        options: dict[str, Any] = {"address": self.address}
        if not self.address:
            options = {"num_cpus": workers, "object_store_memory": self.store_mb * 10**6, "include_dashboard": False}
        try:
            ray.init(**options, log_to_driver=False, logging_level="ERROR")
        except Exception as error:  # Ray raises plain ones
            raise DeviceError(
                f"No Ray cluster answers at {self.address or 'this machine'}: {' '.join(str(error).split())} Expected"
                " one that runs, as pool = 'ray:address=HOST:6379'; or leave the pool out: processes of this machine."
            ) from error
        try:
            yield ray
        finally:
            ray.shutdown()
