"""Code in colours, by Pygments: only classes, no styles."""

import html

from markupsafe import Markup
from pygments import lex
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Token, _TokenType
from pygments.util import ClassNotFound

PREFIX = "hl-"
MOST_CHARACTERS = 200_000
_CLASSES = {
    Token.Comment: "comment",
    Token.Keyword: "keyword",
    Token.Operator.Word: "keyword",
    Token.Name.Builtin: "builtin",
    Token.Name.Class: "name",
    Token.Name.Decorator: "builtin",
    Token.Name.Function: "name",
    Token.Name.Tag: "name",
    Token.Name.Attribute: "builtin",
    Token.Literal.String: "string",
    Token.Literal.Number: "number",
    Token.Generic.Inserted: "added",
    Token.Generic.Deleted: "removed",
    Token.Generic.Heading: "name",
    Token.Generic.Subheading: "name",
}
CLASSES = frozenset(PREFIX + name for name in _CLASSES.values())


def for_file(path: str, text: str) -> list[Markup]:
    """The lines of a file, coloured as its name says."""
    try:
        lexer = get_lexer_for_filename(path.rpartition("/")[2])
    except ClassNotFound:
        lexer = None
    return _lines(text, lexer)


def for_language(language: str, text: str) -> list[Markup]:
    """The lines of a block of code in a language that may be unknown or unnamed."""
    try:
        lexer = get_lexer_by_name(language) if language else None
    except ClassNotFound:
        lexer = None
    return _lines(text, lexer)


def _class_of(kind: _TokenType) -> str | None:
    while kind is not Token:
        if kind in _CLASSES:
            return PREFIX + _CLASSES[kind]
        kind = kind.parent
    return None


def _lines(text: str, lexer: Lexer | None) -> list[Markup]:
    text = text.replace("\r\n", "\n").removesuffix("\n")
    if lexer is None or len(text) > MOST_CHARACTERS:
        return [Markup(html.escape(line)) for line in text.split("\n")]
    lexer.stripnl = lexer.ensurenl = lexer.stripall = False
    lines = [""]
    for kind, value in lex(text, lexer):
        name = _class_of(kind)
        first, *more = value.split("\n")
        lines[-1] += _span(name, first)
        lines.extend(_span(name, part) for part in more)
    return [Markup(line) for line in lines]


def _span(name: str | None, text: str) -> str:
    escaped = html.escape(text)
    return f'<span class="{name}">{escaped}</span>' if name and text else escaped
