"""ATen nodes as rows of the op table: which function reads which operation.

What a row cannot say is refused, with the layer's name: a wrong guess would be a wrong file.
"""

from __future__ import annotations

from ..ops.op import Lacks, named
from ..ops.spellings import SPELLINGS
from ..ops.table import OPS
from .builder import Parser
from .elementwise import binary, unary


def _parser(kind: str, name: str) -> Parser:
    parser: Parser = named("parse", name) if name else (unary, binary)[OPS[kind].inputs - 1](kind)
    return parser


PARSERS: dict[str, Parser] = {
    **{
        name: _parser(kind, parser)
        for kind, row in OPS.items()
        if not isinstance(row.aten, Lacks)
        for name, parser in row.aten.items()
    },
    **{name: named("parse", parser) for name, parser in SPELLINGS.items()},
}
