"""Digests of files that were read before, in the user's cache folder: one file for each image folder.

Nothing depends on it but time. A cache that is missing, damaged, of another version or cannot be written is as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

MAGIC = b"edgequant digests 1\n"
KEY, DIGEST = 16, 32  # bytes of a file's key, and of its digest
ROW = KEY + DIGEST
MOST_BYTES = 256 << 20  # of all caches together: five million files


def load(folder: Path) -> dict[bytes, bytes]:
    """What was kept for `folder`: key -> digest."""
    path = _path(folder)
    try:
        data = path.read_bytes() if path is not None else b""
    except OSError:
        return {}
    head = len(MAGIC) + DIGEST
    body = data[head:]
    if data[:head] != MAGIC + hashlib.sha256(body).digest() or len(body) % ROW:
        return {}
    return {body[at : at + KEY]: body[at + KEY : at + ROW] for at in range(0, len(body), ROW)}


def save(folder: Path, digests: dict[bytes, bytes]) -> None:
    """Keep them instead of what was kept for `folder`: whole or not at all, whoever else writes meanwhile."""
    path = _path(folder)
    if path is None:
        return
    body = b"".join(key + digest for key, digest in sorted(digests.items()))
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(MAGIC + hashlib.sha256(body).digest() + body)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink()
        _prune(path.parent)


def _path(folder: Path) -> Path | None:
    """None where the user has no home."""
    try:
        named = Path(os.environ.get("XDG_CACHE_HOME", ""))
        cache = named if named.is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return cache / "edgequant" / "digests" / hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]


def _prune(folder: Path) -> None:
    """The oldest go where all together are too large."""
    found = sorted(((one.stat().st_mtime, one.stat().st_size, one) for one in folder.iterdir()), reverse=True)
    total = 0
    for _, size, path in found:
        total += size
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)
