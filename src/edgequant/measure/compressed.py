"""What a file weighs on its way to the device: app stores and update servers compress what they send.

Never mixed with the file's own size: on the device it is as large as ever, and runtimes map it uncompressed.
"""

from __future__ import annotations

import gzip
from pathlib import Path

ZSTD_LEVEL = 19  # the highest that needs no special decoder memory


def compressed_bytes(path: Path) -> dict[str, int]:
    """{"gzip", "zstd"}: bytes of the file after each, at their usual best levels (9 and 19). Same file, same bytes."""
    import zstandard

    content = path.read_bytes()
    return {
        "gzip": len(gzip.compress(content, 9, mtime=0)),
        "zstd": len(zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(content)),
    }
