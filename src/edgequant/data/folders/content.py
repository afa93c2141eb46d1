"""What image files hold, as one sha256 each, read once: a file that has not changed since is not read again.

A digest is kept under the file's path, size, times of change (content and inode, in nanoseconds), inode and device.
Nobody can set an inode's time of change, so a file that was written to is read again whatever was done to its other
times. A clock ticks, though: what changed in the last seconds is never kept, as it might change within the same tick.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...core.errors import BadData, cause
from .digest_cache import KEY, load, save

THREADS = 8  # reading waits for the disk, and hashing runs outside the interpreter's lock
PART = 100  # files a thread takes at a time
SETTLED = 2.0  # seconds: the coarsest clock of a file system (FAT) ticks every two


def content_digests(base: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The sha256 of each file's content, in hexadecimal. Raises BadData naming a file that cannot be read."""
    folder = Path(os.path.realpath(base))
    kept, now = load(folder), time.time()
    parts = [names[at : at + PART] for at in range(0, len(names), PART)]
    with ThreadPoolExecutor(min(THREADS, 2 * (os.cpu_count() or 1))) as pool:
        of_parts = pool.map(lambda part: [_digest(f"{folder}/{name}", kept) for name in part], parts)
        found = [one for of_part in of_parts for one in of_part]
    safe = {key: digest for key, digest, changed in found if changed < now - SETTLED}
    if safe != kept:
        save(folder, safe)
    return tuple(digest.hex() for _, digest, _ in found)


def _digest(path: str, kept: dict[bytes, bytes]) -> tuple[bytes, bytes, float]:
    """The file's key, its digest, and when it last changed."""
    try:
        key, changed = _key(path)
        digest = kept.get(key)
        if digest is None:
            with open(path, "rb") as file:  # noqa: PTH123 (a Path for each of a million files takes a minute)
                digest = hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise BadData(
            f"{path} cannot be read: {cause(error)}. Expected an image file that you may read: chmod u+r FILE."
        ) from error
    return key, digest, changed


def _key(path: str) -> tuple[bytes, float]:
    found = os.stat(path)  # noqa: PTH116
    parts = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)
    text = f"{parts} ".encode() + os.fsencode(path)
    return hashlib.sha256(text).digest()[:KEY], max(found.st_ctime, found.st_mtime)
