"""How the two ends of a device's pipe talk: a mark, then frames of one kind byte, eight length bytes and content.

Runs on both ends; standard library only.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping

MARK = b"EDGEQUANT-AGENT-1\n"  # what a login shell prints before it is skipped
JOB, RESULT, FAILED, PROGRESS, ALIVE = b"J", b"R", b"F", b"P", b"A"
KINDS = {JOB, RESULT, FAILED, PROGRESS, ALIVE}
HEAD = struct.Struct(">cQ")
LARGEST = 1 << 34  # 16 GiB: a longer frame is noise, not a frame

Read = Callable[[int], bytes]  # gives exactly so many bytes, or raises


class Garbled(Exception):
    """The other end does not speak this protocol."""


def pack(kind: bytes, content: bytes) -> bytes:
    return HEAD.pack(kind, len(content)) + content


def unpack(read: Read) -> tuple[bytes, bytes]:
    """(kind, content) of the next frame. Raises Garbled, and what `read` raises."""
    kind, size = HEAD.unpack(read(HEAD.size))
    if kind not in KINDS or size > LARGEST:
        raise Garbled(f"a frame of kind {kind!r} and {size} bytes")
    return kind, read(size)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Name -> content as a .zip, not compressed: weights and scores hardly shrink."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # dated 1980: equal files make equal bytes
    return buffer.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
