"""The Markdown of the sections, parsed; and the same as typst.

One parser serves HTML and PDF. It knows paragraphs, lists, emphasis and code, and neither HTML,
nor links, nor images: nothing in a results file can fetch anything or run.
"""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

_OPENING = {
    "strong_open": "#strong[",
    "em_open": "#emph[",
    "bullet_list_open": "#list(",
    "ordered_list_open": "#enum(",
    "list_item_open": "[",
    "strong_close": "];",
    "em_close": "];",
    "bullet_list_close": ");",
    "ordered_list_close": ");",
    "list_item_close": "],",
    "paragraph_close": "#parbreak();",
    "announcement_open": "#block(sticky: true)[",
    "announcement_close": "];",
    "softbreak": " ",
    "hardbreak": "#linebreak();",
}


def parser() -> MarkdownIt:
    off = ["link", "image", "autolink", "reference", "html_block", "html_inline"]
    return MarkdownIt("commonmark", {"html": False}).disable(off)


def typst(text: str) -> str:
    """The Markdown `text` as typst markup; all its words inside string literals."""
    tokens = parser().parse(text)
    for first, last, then in zip(tokens, tokens[2:], tokens[3:]):
        if (first.type, then.type) == ("paragraph_open", "fence"):  # "In C:" stays on the page of its code
            first.type, last.type = "announcement_open", "announcement_close"
    return _tokens(tokens)


def literal(text: str) -> str:
    """A typst string: only a backslash and a quote mean anything in it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _tokens(tokens: Sequence[Token]) -> str:
    return "".join(_token(token) for token in tokens)


def _token(token: Token) -> str:
    if token.type == "inline":
        return _tokens(token.children or [])
    if token.type == "code_inline":
        return f"#raw({literal(token.content)});"
    if token.type in ("fence", "code_block"):
        return f"#raw({literal(token.content.rstrip())}, block: true, lang: {literal(token.info or 'text')});"
    return _OPENING.get(token.type) or (f"#{literal(token.content)};" if token.content else "")
