"""edgequant: a trained vision network in; the smallest, fastest file that keeps its accuracy out, with the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .host import forks as _forks  # noqa: F401 - it watches from here on

__version__ = "0.2.0"
__all__ = ["EdgequantError", "quantize", "run"]

if TYPE_CHECKING:
    from .api import quantize as quantize
    from .api import run as run
    from .core.errors import EdgequantError as EdgequantError


def __getattr__(name: str) -> Any:
    """Import on first use: `edgequant --help` must not wait for torch."""
    if name == "EdgequantError":
        from .core.errors import EdgequantError

        return EdgequantError
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'edgequant' has no attribute {name!r}")
