"""Whether this process was forked from one that had torch: the threads of its pool are not here, and waiting for
them never ends (OpenMP's runtime has no answer to fork). One thread needs no pool.
"""

from __future__ import annotations

import os
import sys

_forks: list[int] = []  # the process, where it is such a one


def _note() -> None:
    if "torch" in sys.modules:
        _forks.append(os.getpid())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note)


def without_threads() -> bool:
    """Whether torch must do with one thread here."""
    return bool(_forks)
