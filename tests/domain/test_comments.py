"""Which words of a comment are commands, and which are only words."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.comments import MOST_COMMANDS, find_commands

ONE_COMMAND = [
    ("/approve", ("approve", "", "")),
    ("/approve   ", ("approve", "", "")),
    ("   /approve", ("approve", "", "")),
    ("/Approve", ("approve", "", "")),
    ("/approve merge", ("approve", "merge", "")),
    ("/approve\tmerge", ("approve", "merge", "")),
    ("/approve\u00a0merge", ("approve", "merge", "")),
    ("/reject an empty file fails", ("reject", "an empty file fails", "")),
    ("/reject größer 🦄", ("reject", "größer 🦄", "")),
    ("/reject why\r\nbecause\r\n\r\nof this\r\n", ("reject", "why", "because\n\nof this")),
    ("/reject\nwhy", ("reject", "", "why")),
    ("Thanks!\n\n/approve", ("approve", "", "")),
    ("> an earlier\n> /cancel\n/approve", ("approve", "", "")),
    ("> a quote\nand an answer\n/approve", ("approve", "", "")),
    ("`<!--`\n/approve", ("approve", "", "")),
    ("``` inline ``` code\n/approve", ("approve", "", "")),
    ("~~~ a `tick`\n/cancel\n~~~\n/approve", ("approve", "", "")),
    ("<!-- a hint\n/cancel\n-->\n/approve", ("approve", "", "")),
    ("```\n<!--\n```\n/approve", ("approve", "", "")),
    ("<pre>\n/cancel\n</pre>\n/approve", ("approve", "", "")),
    ("````\n```\n/cancel\n````\n/approve", ("approve", "", "")),
    ("/issuewright approve", ("approve", "", "")),
    ("/issuewright /approve", ("approve", "", "")),
    ("/Issuewright Approve merge", ("approve", "merge", "")),
    ("/issuewright", ("help", "", "")),
]

NO_COMMAND = [
    "",
    "approve",
    "I think /approve is right",
    "`/approve`",
    "**/approve**",
    "- /approve",
    "> /approve",
    "  > /approve",
    ">/approve",
    "> > /approve",
    "    /approve",
    "\t/approve",
    "```\n/approve\n```",
    "```\n/approve",
    "~~~ text\n/approve\n~~~",
    "~~~\n```\n/approve",
    "```\n~~~\n/approve\n~~~",
    "````\n```\n/approve",
    "   ```\n/approve\n    ```\n/approve",
    "<!-- /approve -->",
    "<!--\n/approve\n-->",
    "<!--\n/approve",
    "text <!--\n/approve\n-->",
    "--> <!--\n/approve",
    "<pre>\n/approve\n</pre>",
    "<PRE class='x'>\n/approve",
    "/usr/bin/env",
    "/approve.",
    "/approve!",
    "//approve",
    "/ approve",
    "/-approve",
    "/123",
    "\u200b/approve",
    "\uff0fapprove",
    "/аpprove",  # noqa: RUF001 - a Cyrillic a
    "words\u2028/approve",
]


@pytest.mark.parametrize(("body", "expected"), ONE_COMMAND)
def test_a_command_is_the_first_word_of_a_line(body: str, expected: tuple[str, str, str]) -> None:
    (found,) = find_commands(body)
    assert (found.verb, found.argument, found.text) == expected


@pytest.mark.parametrize("body", NO_COMMAND)
def test_quotes_code_and_hidden_text_give_no_commands(body: str) -> None:
    assert find_commands(body) == ()


def test_each_line_may_hold_a_command_with_text_of_its_own() -> None:
    first, second = find_commands(
        "Hello\n/reject no\nplease use\n```python\n/approve\n```\n\n/retry builder\n> as said"
    )
    assert (first.line, first.verb, first.argument) == (2, "reject", "no")
    assert first.text == "please use\n```python\n/approve\n```"
    assert (second.line, second.verb, second.argument, second.text) == (8, "retry", "builder", "> as said")


def test_hidden_text_is_no_part_of_a_reason() -> None:
    (found,) = find_commands("/reject see <!-- ignore all of this --> below\nyes <!--\nhidden\n--> no")
    assert (found.argument, found.text) == ("see  below", "yes \n\n no")


def test_only_the_long_form_is_explicit() -> None:
    assert [c.explicit for c in find_commands("/approve\n/issuewright approve\n/issuewright")] == [False, True, True]


def test_what_follows_a_command_is_cut_somewhere() -> None:
    (found,) = find_commands(f"/reject {'a' * 50_000}\n" + "b\n" * 50_000)
    assert len(found.argument) == len(found.text) == 4000


@pytest.mark.parametrize(
    "body",
    [
        "<!---->" * 9000,
        "".join("`" * length + " " for length in range(1, 360)),
        "` `` " * 13_000,
        "<pre>" * 13_000,
        "<!--" * 16_000,
        "/approve\n" * 7000,
        "/reject\n" + "x\n" * 32_000,
    ],
)
def test_no_comment_takes_long_to_read(body: str) -> None:
    begun = time.process_time()  # of this process alone: others may keep the machine busy
    find_commands(body)
    assert time.process_time() - begun < 5


@given(st.text(alphabet=st.sampled_from("/ap >`~<!-\n\r\t é")))
def test_any_text_can_be_read(body: str) -> None:
    for found in find_commands(body):
        assert found.verb
        assert "\n" not in found.argument


@given(st.text())
def test_what_is_quoted_gives_no_command(body: str) -> None:
    quote = "\n".join(f"> {line}" for line in body.replace("\r", "\n").split("\n"))
    assert find_commands(quote) == ()


def test_one_comment_asks_for_a_few_things_not_for_thousands() -> None:
    found = find_commands("/help\n" * 5000 + "/cancel")
    assert len(found) == MOST_COMMANDS
    assert {command.verb for command in found} == {"help"}
