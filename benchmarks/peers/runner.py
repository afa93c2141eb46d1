"""Run one tool's script in its own environment, under the clock. Standard library only.

    python runner.py SCRIPT[:VARIANT] FOLDER

SCRIPT.py has `PACKAGES`, and `make(folder)` or `make(folder, variant)`, which writes a file into the folder and
returns its path. Imports at the top of the script are not timed.
FOLDER/SCRIPT[-VARIANT].json: {"file", "seconds", "cpu_seconds", "versions"}.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module, metadata
from pathlib import Path


def main(asked: str, folder: Path) -> None:
    script, _, variant = asked.partition(":")
    module = import_module(script)
    wall, cpu = time.perf_counter(), time.process_time()
    made = module.make(folder, *filter(None, [variant]))
    spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    versions = {name: metadata.version(name) for name in module.PACKAGES}
    record = {"file": made.name, **spent, "versions": versions}
    (folder / f"{asked.replace(':', '-')}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
