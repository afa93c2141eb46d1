"""What a sensitivity analysis is asked."""

from __future__ import annotations

from dataclasses import dataclass

from ..source import AbstractAsked

FAST_IMAGES = 128  # of the mode fast: a few passes


@dataclass(frozen=True)
class Asked(AbstractAsked):
    """Widths to try, how they are tried, and on how many validation images."""

    bits: str = "8,4"
    activation_bits: int = 8
    mode: str = "exact"
    images: int = 512
    threshold: float = 0.5
