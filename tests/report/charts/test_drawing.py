"""Charts and pages come from a process of their own, which goes when nobody asks any more."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from edgequant.core.errors import EdgequantError
from edgequant.report.charts import drawing, drawing_worker
from edgequant.report.charts.drawing import Drawer

SPEC = {"data": {"values": [{"a": 1}]}, "mark": "point", "encoding": {"x": {"field": "a", "type": "quantitative"}}}


def test_it_draws_and_typesets(tmp_path: Path) -> None:
    svg = drawing.ask("vegalite_to_svg", SPEC, "6.1")
    (tmp_path / "main.typ").write_text("= Title")
    assert svg.startswith("<svg") and drawing.ask("svg_to_png", svg, 1).startswith(b"\x89PNG")
    assert drawing.ask("svg_to_pdf", svg).startswith(b"%PDF")
    assert drawing.ask("typeset", str(tmp_path / "main.typ"), str(tmp_path)).startswith(b"%PDF")


def test_what_cannot_be_drawn_is_one_line_and_the_next_thing_is_drawn() -> None:
    with pytest.raises(EdgequantError, match=r"could not be drawn \(svg_to_png\): .*edgequant report DIR"):
        drawing.ask("svg_to_png", "no svg", 1)
    assert drawing.ask("vegalite_to_svg", SPEC, "6.1").startswith("<svg")


def test_a_process_that_dies_is_one_line_and_the_next_one_draws() -> None:
    drawer = Drawer()
    assert drawer.ask("vegalite_to_svg", SPEC, "6.1")
    assert drawer._started
    os.kill(drawer._started[0].pid, signal.SIGKILL)
    with pytest.raises(EdgequantError, match=r"charts ended \(status -9"):
        drawer.ask("vegalite_to_svg", SPEC, "6.1")
    assert drawer.ask("vegalite_to_svg", SPEC, "6.1")
    drawer.end()


def test_one_that_hangs_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    drawer = Drawer()
    drawer.ask("vegalite_to_svg", SPEC, "6.1")
    assert drawer._started
    process = drawer._started[0]
    os.kill(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(drawing, "LIMIT_S", 0.01)
    with pytest.raises(EdgequantError, match="not drawn within"):
        drawer.ask("vegalite_to_svg", SPEC, "6.1")
    drawer.end()
    assert process.poll() is not None


def test_no_process_is_left_behind_a_block(python: Callable[..., str]) -> None:
    code = (
        "import os, sys\nfrom edgequant.report.charts import drawing\n"
        "with drawing.at_hand():\n    drawing.ask('svg_to_png', '<svg xmlns=\"http://www.w3.org/2000/svg\"/>', 1)\n"
        "try:\n    os.waitpid(-1, os.WNOHANG)\nexcept ChildProcessError:\n    print('none left')\n"
        "print(sorted({'vl_convert', 'typst'} & set(sys.modules)))"
    )
    assert python(code) == "none left\n[]\n"


def test_the_worker_says_what_went_wrong() -> None:
    assert drawing_worker.answer("svg_to_png", ("no svg", 1))[0] is False
