"""Data inside Markdown stays data, in Markdown, HTML and typst."""

from __future__ import annotations

import html

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from edgequant.report import markup as md
from edgequant.report.formats.prose import literal, parser, typst

text = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z", "Cc")), max_size=60).map(md.clean)


def words(markdown: str) -> str:
    """What a reader sees of one paragraph."""
    (inline,) = [token for token in MarkdownIt("commonmark").parse(markdown) if token.type == "inline"]
    return " ".join("".join(child.content for child in inline.children or []).split())


@given(text)
def test_escaped_data_reads_as_it_was(data):
    assert words(f"Is {md.escape(data)}") == " ".join(f"Is {md.line(data)}".split())


@given(text)
def test_a_code_span_reads_as_it_was(data):
    assert words(f"Is {md.code(data)}") == " ".join(f"Is {md.line(data)}".split())


@given(text)
def test_a_fence_is_closed_by_nothing_inside_it(data):
    tokens = parser().parse(md.fence(data) + "\n\nafter")
    assert tokens[0].type == "fence"
    assert tokens[0].content.rstrip() == data.rstrip() or not data.strip()
    assert words("after") == "after" and tokens[-2].content == "after"


@given(text)
def test_the_parser_lets_no_element_through(data):
    shown = parser().render(f"Is {data}")
    assert "<a" not in shown and "<img" not in shown and "<script" not in shown


def test_html_and_links_in_markdown_are_words():
    shown = parser().render("<b onclick=x>hi</b> [go](http://example.com) ![i](http://example.com/i.png)")
    assert "<b" not in shown and "href" not in shown and "src" not in shown
    assert html.unescape(shown).startswith("<p><b onclick=x>hi")


def test_a_typst_literal_cannot_be_left():
    assert literal('a"b\\c\n#d') == '"a\\"b\\\\c\\n#d"'


def test_markdown_becomes_typst():
    made = typst("Is **bold**, *thin* and `code`.\n\n- one\n- two\n\n1. first\n\n```python\nx = 1\n```\n")
    assert '#strong[#"bold";];' in made and '#emph[#"thin";];' in made and '#raw("code");' in made
    assert made.count("[#") >= 5 and '#raw("x = 1", block: true, lang: "python");' in made
    assert "#list(" in made and "#enum(" in made


def test_a_line_that_announces_code_stays_on_its_page():
    made = typst("Before it.\n\nIn C:\n\n```c\nint x;\n```\n\nafter")
    assert '#"Before it.";#parbreak();#block(sticky: true)[#"In C:";];#raw("int x;", block: true, lang: "c");' in made


def test_cleaning_takes_out_what_formats_cannot_hold():
    dirty = {"a\x00": ["\ud800", "line\nbreak", "\u202eabc", 3, None]}
    assert md.clean(dirty) == {"a\ufffd": ["?", "line\nbreak", "\ufffdabc", 3, None]}


def test_names_are_listed_and_the_rest_counted():
    assert md.listed([]) == ""
    assert md.listed(["a"]) == "`a`"
    assert md.listed(["a", "b", "c"]) == "`a`, `b` and `c`"
    assert md.listed(["a", "b", "c"], limit=2) == "`a`, `b` and 1 more"


def test_a_missing_reason_is_said():
    assert md.sentence(None or "") == "No reason was recorded."
    assert md.sentence("Stopped.") == "Stopped."
