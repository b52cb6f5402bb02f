"""Somebody's words in our Markdown, rendered as GitHub would: nothing of them works, all of them can be read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.domain.rendering.markdown import code, cut, duration, in_code, inert, prose

GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = [
    "@mona please",
    "see #12 and GH-12",
    "<!-- issuewright:acme--tally--7:gate:merge:1 -->",
    "<img src=x onerror=alert(1)>",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "https://evil.example www.evil.example",
    "a | b | c",
    "line\n\n| forged | table |\n|---|---|",
    "# heading",
    "- item",
    "1. item",
    "---",
    "===",
    "> quote",
    "```\nfence",
    "`unfinished",
    "`a``b` c`",
    "#`1`1 and @`a`b and GH-`1`2",
    "`a`#`1`1",
    "**bold** _it_ ~~gone~~",
    "\\",
    "&#64;mona",
    "\u202eevil\u0000\x1b[31m",
]


def is_inert(html: str) -> bool:
    """No element but inline code and paragraphs, and nothing outside of code that GitHub would turn into a link."""
    outside = re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)
    tags = set(re.findall(r"</?([a-z0-9]+)", html))
    return tags <= {"p", "code"} and not re.search(r"[@#]\w|(?i:\bgh-\d)|<!--|://\w|(?i:\bwww\.\w)", outside)


@pytest.mark.parametrize("text", HOSTILE)
def test_inert_words_do_nothing(text: str) -> None:
    assert is_inert(GITHUB.render(inert(text)))
    assert is_inert(GITHUB.render(f"In a sentence: {inert(text)}"))


@given(st.text(alphabet="a1 `|*_@#<>[]()!\\&;:/.-=+~\n", max_size=40))
def test_no_mixture_of_marks_does_anything(text: str) -> None:
    assert is_inert(GITHUB.render(inert(text)))


@given(st.text(alphabet="a1 `|*_@#<>\\-\n", max_size=40))
def test_a_cell_stays_one_cell(text: str) -> None:
    html = GITHUB.render(f"| a | b |\n|---|---|\n| {inert(text)} | last |\n| {in_code(text)} | last |\n")
    assert html.count("<tr>") == 3
    assert html.count("<td>last</td>") == 2
    assert html.count("<td") == 4


def test_words_read_as_they_were_written() -> None:
    assert (
        inert("Run `tally --by month` (see a_b), 0.5 s - done.") == "Run `tally --by month` (see a\\_b), 0.5 s - done."
    )
    assert GITHUB.render(inert("a ` tick, 1 < 2 & more")) == "<p>a ` tick, 1 &lt; 2 &amp; more</p>\n"
    assert GITHUB.render(inert("- item")) == "<p>- item</p>\n"
    assert GITHUB.render(inert("12. item")) == "<p>12. item</p>\n"
    assert GITHUB.render(inert("3.14 is near")) == "<p>3.14 is near</p>\n"


def test_prose_keeps_paragraphs_and_lists() -> None:
    html = GITHUB.render(prose("Title\n\nSome words\nthat go on:\n- one\n- two\n  words\n\n# no heading\n\n---"))
    assert html.count("<li>") == 2
    assert "<p>Some words that go on:</p>" in html
    assert "<h" not in html


@given(st.text(alphabet="a`~\n <!-@", max_size=60))
def test_a_block_of_code_cannot_be_left(text: str) -> None:
    html = GITHUB.render(f"{code(text)}\n\nafter")
    assert html.endswith("</code></pre>\n<p>after</p>\n")
    assert html.count("<pre>") == 1


def test_no_marker_can_be_forged_in_code() -> None:
    assert "<!-- issuewright:" not in code("x\n<!-- issuewright:acme--tally--7:status -->")


@pytest.mark.parametrize("name", ["a`b.md", "a|b.md", "a\nb.md", "<b>", "a\\", "@mona", "a_b*c.md"])
def test_a_name_is_code_whatever_it_holds(name: str) -> None:
    assert re.fullmatch(r"<p><code>[^\n]*</code></p>\n", GITHUB.render(in_code(name)))


def test_lengths_and_times() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcd", 4) == "abcd"
    assert [duration(s) for s in (0.04, 9.9, 59.4, 185, 7800)] == ["0.0 s", "9.9 s", "59 s", "3 min 05 s", "2 h 10 min"]
