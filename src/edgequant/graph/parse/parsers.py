"""ATen operations as steps of the op table: which function reads which.

What a row cannot say is refused, with the layer's name: a wrong guess would be a wrong network.
"""

from __future__ import annotations

from ..ops.op import Lacks, named
from ..ops.table import OPS
from . import moves
from .builder import Parser
from .elementwise import binary, neg, unary

TRANSPARENT = ("alias", "clone", "contiguous", "detach", "detach_", "lift_fresh_copy", "to")
DROPOUTS = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
PARSERS: dict[str, Parser] = {
    # These make no row of their own: what they leave is a view, a part, or another layer's weights.
    "getitem": moves.getitem,
    "neg": neg,
    **dict.fromkeys(TRANSPARENT, moves.transparent),
    **dict.fromkeys(("permute", "transpose"), moves.permute),
    **{name + end: moves.dropout for name in DROPOUTS for end in ("", "_")},
    **{
        name: named("aten", parser, kind) if parser else (unary, binary)[row.inputs - 1](kind)
        for kind, row in OPS.items()
        if not isinstance(row.aten, Lacks)
        for names, parser in row.aten.items()
        for name in names.split()
    },
}
