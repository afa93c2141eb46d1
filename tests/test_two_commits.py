"""Two commits make the same files and the same results, times aside.

A change that is to change nothing is held to it: EDGEQUANT_BASE=COMMIT make same. Without EDGEQUANT_BASE the working
tree is compared with its own last commit. Each side runs from its own sources, in an empty folder, on one thread.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
BASE = os.environ.get("EDGEQUANT_BASE", "HEAD")
RUNS = {  # name -> what is typed; the run folder is last
    "digits": "run digits --out out",
    "micro": "run micro --quick 100 --out out",
    "qat": """run digits --set 'recipes=["w4a8+qat", "w4a8+equalize+adaround"]' --out out""",
    "search": "search digits --schemes w8a8,w4a8 --images 100 --out out",
    "sensitivity": "sensitivity digits --images 64 --out out",
}
TIMED = (
    "time", "seconds", "conditions", "latency_ms", "latency_ms_all_threads", "eager_latency_ms", "against_float32",
    "peak_memory_bytes", "load", "memory_bytes",
)  # fmt: skip
# what a time decides or words, and what names the code
DECIDED = ("recommended", "recommendation_reason", "git", "edgequant")
WORDED = "README.md"  # the model card beside the files


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Path]]:
    """Where each side's package lies."""
    if subprocess.run(["git", "rev-parse", "--git-dir"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("no git repository here: there is no other commit to compare with")
    other = tmp_path_factory.mktemp("base") / "tree"
    subprocess.run(["git", "worktree", "add", "--detach", str(other), BASE], cwd=ROOT, check=True, capture_output=True)
    yield {"before": other / "src", "after": ROOT / "src"}
    subprocess.run(["git", "worktree", "remove", "--force", str(other)], cwd=ROOT, check=True, capture_output=True)


def made(source: Path, words: str, folder: Path) -> tuple[dict[str, str], Any]:
    """What a command makes: the digest of each shipped file, and its results without times."""
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "edgequant", *shlex.split(words)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # 1: a criterion is not met
    files = sorted(path for path in (folder / "out" / "artifacts").rglob("*") if path.is_file() and path.name != WORDED)
    digests = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return digests, untimed(json.loads((folder / "out" / "results.json").read_text(encoding="utf-8")))


def untimed(value: Any) -> Any:
    """Results without what a clock, a folder or the code's own name decides."""
    if isinstance(value, dict):
        return {key: untimed(one) for key, one in value.items() if key not in (*TIMED, *DECIDED)}
    return [untimed(one) for one in value] if isinstance(value, list) else value


@pytest.mark.soak
@pytest.mark.parametrize("name", RUNS)
def test_two_commits_make_the_same(name: str, sources: Mapping[str, Path], tmp_path: Path) -> None:
    if name == "micro" and not os.environ.get("EDGEQUANT_DATA"):
        pytest.skip("micro needs MNIST and CIFAR-10: set EDGEQUANT_DATA")
    before, after = (made(source, RUNS[name], tmp_path / side) for side, source in sources.items())
    assert before[0] == after[0]
    assert before[1] == after[1]
