"""`make matrix`: the tests under every Python and torch that edgequant says it works with.

A cell installs its torch (and torchvision and timm) first, then edgequant's wheel, which must leave them as they are.
`make matrix CELLS="-s matrix-3.12"` runs one cell; `nox -- tests` gives pytest other words than the quick part.
"""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2025.2"

CELLS = {  # Python -> what is installed there before edgequant
    "3.11": ("torch==2.13.0",),
    "3.12": ("torch==2.9.1", "torchvision==0.24.1"),
    "3.13": ("torch==2.14.1", "torchvision==0.29.1", "timm"),
}
TOOLS = ("pytest>=8.3", "pytest-xdist>=3.6", "hypothesis>=6.120", "jsonschema>=4.23", "adbutils>=2.8,<3")
QUICK = ("tests/graph", "tests/quantization", "tests/backends", "tests/refine", "tests/models", "tests/test_api.py")
KEPT = ("torch", "torchvision", "timm", "numpy")
VERSIONS = (
    "import importlib.metadata as m\nprint(sorted((d.name, d.version) for d in m.distributions() if d.name in {}))"
)


@nox.session(python=list(CELLS))
def matrix(session: nox.Session) -> None:
    """A cell: edgequant beside an installed torch, and its tests (the quick part, or those named behind `--`)."""
    session.install(*CELLS[str(session.python)])
    before = session.run("python", "-c", VERSIONS.format(KEPT), silent=True)
    session.install(".[all]")
    after = session.run("python", "-c", VERSIONS.format(KEPT), silent=True)
    if before != after:
        session.error(f"installing edgequant changed what was there: {before} became {after}")
    session.install(*TOOLS)
    words = session.posargs or QUICK
    session.run("python", "-m", "pytest", "-n", "2", "--dist", "loadfile", "-m", "not soak", *words)
