"""The two walks of the architecture page are walked: its functions are called in the order in which it names them."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pytest

import edgequant as package
from edgequant.host.stopwatch import Budget

Call = tuple[str, str]  # "study/plan.py", "plan_variants"
ROOT = Path(package.__file__).parent
PAGE = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
WALKS = [
    re.search(rf"^## {title}\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)[1]  # type: ignore[index]
    for title in ("A recipe, from the command line to the file", "An image, from the folder to the metric")
]
NETWORK = """
from torch import nn

def make():
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.ReLU(), *head)
"""
TYPED = (
    "quantize net.py:make --data imagefolder:photos --size 16 --mean imagenet --recipe w4a8+adaround:iterations=20"
    " --target litert --weights random --samples 20 --allow-few"
)
# What the page names beside the way: a part of what is called before it, or another's.
BESIDE = {("backends/litert/backend.py", "LiteRT.arithmetic"), ("core/preprocess.py", "normalise_tensor")}


def named(walk: str) -> list[Call]:
    return [one for one in re.findall(r"`((?:\w+/)*\w+\.py):([\w.]+)`", walk) if one not in BESIDE]


class Watch:
    """Every call of what the walks name, in order, in every thread."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._wanted = {(str(ROOT / path), name): (path, name) for walk in WALKS for path, name in named(walk)}
        self._known: dict[CodeType, Call | None] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code not in self._known:
            self._known[code] = self._wanted.get((code.co_filename, code.co_qualname))
        call = self._known[code]
        if call:
            self.calls.append(call)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Call]]:
    from PIL import Image

    from edgequant.cli import main
    from edgequant.study.answering import runtime

    base, rng = tmp_path_factory.mktemp("walks"), np.random.default_rng(0)
    (base / "net.py").write_text(NETWORK, encoding="utf-8")
    for at in range(80):
        path = base / "photos" / "ab"[at % 2] / f"{at}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(path)
    watch = Watch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)
        shortly = {"warmup_s": 0.0, "min_runs": 10, "budget_s": 0.05}  # nobody reads these times
        patch.setattr(runtime, "benchmark", partial(runtime.benchmark, **shortly))
        patch.setattr(runtime, "eager_latency", partial(runtime.eager_latency, budget=Budget(**shortly)))
        threading.setprofile(watch)
        sys.setprofile(watch)
        try:
            assert main(TYPED.split()) == 0
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    float32, ours = [at for at, call in enumerate(watch.calls) if call == ("study/answering/finished.py", "finish")]
    yield watch.calls[:float32] + watch.calls[ours:]  # each walk is that of one file


@pytest.mark.parametrize("walk", WALKS, ids=("recipe", "image"))
def test_a_walk_is_walked_as_the_page_tells_it(calls: list[Call], walk: str) -> None:
    left = iter(calls)
    for one in named(walk):
        assert one in calls, f"{one} is never called"
        assert one in left, f"{one} is not called after what the page names before it"


@pytest.mark.parametrize("walk", WALKS, ids=("recipe", "image"))
def test_a_room_that_is_entered_again_says_why(walk: str) -> None:
    entered: set[str] = set()
    for number, stay in enumerate(re.split(r"^\d+\. ", walk, flags=re.MULTILINE)[1:], 1):
        rooms = re.findall(r"\*\*([a-z/]+)\*\*", stay)
        assert rooms, f"{number} names no room"
        assert not entered & set(rooms) or re.search(r"\bagain\b", stay), f"{number}: {entered & set(rooms)} again"
        entered |= set(rooms)
