"""Source text told apart into code and comments, line by line, for many languages: enough of a lexer to know a comment
from a string, and never more than a little wrong for longer than a string lasts."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

_LONGEST_LINE = 20_000


class SourceLine(NamedTuple):
    """One line. `code` is as long as the line, with comments and the insides of strings as blanks; `comment` is the
    text of its comments; `continues` is True when it began inside a string or comment."""

    code: str
    comment: str
    continues: bool


class Syntax(NamedTuple):
    """How a language writes comments to the line's end, comments with an end, and strings (opening, whether it may go
    on over lines). `spaced`: what opens a comment must follow a blank or begin the line. `passed_over` is what looks
    like a string's beginning and is none."""

    line: tuple[str, ...] = ()
    block: tuple[tuple[str, str], ...] = ()
    strings: tuple[tuple[str, bool], ...] = (('"', False), ("'", False))
    spaced: bool = False
    passed_over: tuple[str, ...] = ()


_C_BLOCK = (("/*", "*/"),)
_C = Syntax(line=("//",), block=_C_BLOCK)
_NO_CHARACTERS = Syntax(line=("//",), block=_C_BLOCK, strings=(('"', True),), passed_over=("'\"'", "'\\\"'"))
_SCRIPT = Syntax(line=("//",), block=_C_BLOCK, strings=(('"', False), ("'", False), ("`", True)))
_TRIPLE = Syntax(line=("//",), block=_C_BLOCK, strings=(('"""', True), ('"', False), ("'", False)))
_PYTHON = Syntax(line=("#",), strings=(('"""', True), ("'''", True), ('"', False), ("'", False)))
_HASH = Syntax(line=("#",), spaced=True)
_MARKUP = Syntax(line=("//",), block=(("<!--", "-->"), *_C_BLOCK), strings=(), spaced=True)
_LISP = Syntax(line=(";",), strings=(('"', True),))

_SYNTAX: dict[str, Syntax] = {
    **dict.fromkeys(("py", "pyi", "pyw", "pyx", "bzl"), _PYTHON),
    **dict.fromkeys(("js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "go"), _SCRIPT),
    **dict.fromkeys(("c", "h", "cc", "cpp", "cxx", "hh", "hpp", "cs", "m", "mm", "d", "zig", "proto", "dart"), _C),
    **dict.fromkeys(("java", "kt", "kts", "scala", "swift", "groovy", "gradle"), _TRIPLE),
    **dict.fromkeys(("rs", "v", "sv"), _NO_CHARACTERS),
    **dict.fromkeys(("css", "scss", "sass", "less"), Syntax(line=("//",), block=_C_BLOCK, spaced=True)),
    **dict.fromkeys(("php",), Syntax(line=("//", "#"), block=_C_BLOCK, spaced=True)),
    **dict.fromkeys(("rb", "pl", "pm", "r", "jl", "ex", "exs", "nim", "cr", "tcl", "awk"), _HASH),
    **dict.fromkeys(("sh", "bash", "zsh", "fish", "ps1", "mk", "cmake", "dockerfile", "makefile", "justfile"), _HASH),
    **dict.fromkeys(("yml", "yaml", "toml", "tf", "hcl", "nix", "gd"), _HASH),
    **dict.fromkeys(("sql", "hs", "elm", "ada", "adb"), Syntax(line=("--",), block=_C_BLOCK)),
    **dict.fromkeys(("lua",), Syntax(line=("--",), block=(("--[[", "]]"),))),
    **dict.fromkeys(("clj", "cljs", "el", "lisp", "scm", "rkt"), _LISP),
    **dict.fromkeys(("erl", "hrl", "tex"), Syntax(line=("%",), strings=(('"', False),))),
    **dict.fromkeys(("html", "htm", "xml", "vue", "svelte", "astro", "jinja", "j2"), _MARKUP),
}


def syntax_of(path: str) -> Syntax | None:
    """The syntax that a file's name tells; None for what is no source file that we know."""
    name = path.rpartition("/")[2].lower()
    return _SYNTAX.get(name.rpartition(".")[2])


def source_lines(lines: Sequence[str], syntax: Syntax) -> Iterator[SourceLine]:
    """Each line told apart; of a line beyond 20,000 characters only that much."""
    opener, closers, comments, long_ones = _tables(syntax)
    inside: str | None = None
    for whole in lines:
        line = whole[:_LONGEST_LINE]
        code, said, at, continues = list(line), [], 0, inside is not None
        while at < len(line):
            if inside is not None:
                end = _end(line, at, closers[inside], escapes=inside not in comments)
                stop = len(line) if end is None else end
                # The closing mark stays in the code when it ends a string.
                kept = stop if end is None or inside in comments else stop - len(closers[inside])
                code[at:kept] = " " * (kept - at)
                if inside in comments:
                    said.append(line[at:stop])
                if end is not None:
                    inside = None
                at = stop
                continue
            found = opener.search(line, at)
            if found is None:
                break
            mark = found[1]
            if mark in syntax.passed_over:
                at = found.end()
                continue
            if mark in syntax.line:
                said.append(line[found.end() :])
                code[found.start(1) :] = " " * (len(line) - found.start(1))
                break
            inside, at = mark, found.end()
            if mark in comments:
                code[found.start(1) : at] = " " * len(mark)
        if inside is not None and inside not in long_ones:
            inside = None
        yield SourceLine("".join(code), " ".join(said), continues)


_Tables = tuple[re.Pattern[str], dict[str, str], frozenset[str], frozenset[str]]


@lru_cache(maxsize=64)
def _tables(syntax: Syntax) -> _Tables:
    """What opens something, what closes each, which of them are comments, and which go on over lines."""
    closers = {**dict(syntax.block), **{mark: mark for mark, _ in syntax.strings}}
    comments = frozenset(mark for mark, _ in syntax.block)
    long_ones = comments | {mark for mark, is_long in syntax.strings if is_long}
    words = []
    for mark in sorted({*closers, *syntax.line, *syntax.passed_over}, key=len, reverse=True):
        begins_comment = mark in syntax.line and syntax.spaced
        words.append((r"(?<![^\s;({,>])" if begins_comment else "") + re.escape(mark))
    return re.compile(f"({'|'.join(words)})"), closers, comments, long_ones


def _end(line: str, at: int, closer: str, *, escapes: bool) -> int | None:
    """Where what is open ends in this line, after the closing mark; None when it does not."""
    if not escapes:
        found = line.find(closer, at)
        return None if found < 0 else found + len(closer)
    for match in _closing(closer).finditer(line, at):
        if match[0] == closer:
            return match.end()
    return None


@lru_cache(maxsize=64)
def _closing(closer: str) -> re.Pattern[str]:
    return re.compile(rf"\\.|{re.escape(closer)}")
