"""`python -m edgequant.report.charts.drawing_worker`: draws what is asked on stdin until nobody can ask any more."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any


def vegalite_to_svg(spec: dict[str, Any], version: str) -> str:
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(spec, vl_version=version)
    return svg


def svg_to_png(svg: str, scale: float) -> bytes:
    import vl_convert

    content: bytes = vl_convert.svg_to_png(svg, scale=scale)
    return content


def svg_to_pdf(svg: str) -> bytes:
    import vl_convert

    content: bytes = vl_convert.svg_to_pdf(svg)
    return content


def javascript_bundle(exports: str, version: str) -> str:
    import vl_convert

    bundle: str = vl_convert.javascript_bundle(exports, vl_version=version)
    return bundle


def typeset(main: str, root: str) -> bytes:
    """The PDF of a typst file; no date goes in."""
    import typst

    return typst.compile(Path(main), root=Path(root), timestamp=0)


FUNCTIONS = {one.__name__: one for one in (vegalite_to_svg, svg_to_png, svg_to_pdf, javascript_bundle, typeset)}


def answer(name: str, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    """(True, the result), or (False, what went wrong)."""
    try:
        return True, FUNCTIONS[name](*arguments)
    except Exception as error:
        return False, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asks
    with suppress(EOFError, OSError), os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what a library prints is no answer
        while True:
            pickle.dump(answer(*pickle.load(sys.stdin.buffer)), answers)
            answers.flush()


if __name__ == "__main__":
    main()
