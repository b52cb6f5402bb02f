"""The check `markers`: what it finds, and, more than that, what it leaves alone."""

import time

import pytest

from bot.domain.checks.markers_check import MarkersConfig, judge
from bot.domain.verdicts import Outcome, Verdict
from tests.domain.checks.works import text, work

CLASS = "class Store{bases}:\n    {decorator}\n    def load(self) -> None:\n        {body}\n"


def verdict_on(path: str, content: str, added: tuple[int, ...] | None = None, **settings: object) -> Verdict:
    return judge(work(text(path, content, added=added)), MarkersConfig.model_validate(settings))


UNFINISHED = [
    ("app.py", "x = 1  # TODO"),
    ("app.py", "x = 1  # TODO: round it"),
    ("app.py", "x = 1  #TODO(ada): round it"),
    ("app.py", "# FIXME breaks on Sundays"),
    ("app.py", "# XXX"),
    ("app.py", "# HACK: the cache is never cleared"),
    ("app.py", "# This is slow. TODO: make it fast"),
    ("app.py", 's = "a # b"  # TODO c'),
    ("app.py", "s = 'it\\'s'  # TODO c"),
    ("app.py", "def f():\n    ..."),
    ("app.py", "def f(): ..."),
    ("app.py", "def f(a: int = 1, *, b: str = ':') -> dict[str, int]: ..."),
    ("app.py", 'async def f():\n    """Says much.\n\n    And more.\n    """\n    ...'),
    ("app.py", "def f(\n    a,\n    b,\n):\n    ..."),
    ("app.py", "@app.get('/health')\ndef health():\n    ..."),
    ("app.py", "def f():\n    raise NotImplementedError"),
    ("app.py", "def f(x):\n    if x:\n        raise NotImplementedError('later')\n    return 1"),
    ("app.py", "class Store:\n    def load(self):\n        raise NotImplementedError()"),
    ("app.py", "def f():\n    pass  # stub"),
    ("app.py", "def f():\n    pass  # placeholder"),
    ("app.py", "def f():\n    return 4  # placeholder implementation"),
    ("app.py", "# For now, just return an empty list\ndef f():\n    return []"),
    ("app.py", "# ... existing code ..."),
    ("app.py", "# rest of the code unchanged"),
    ("app.py", "# In a real implementation, this would ask the server"),
    ("app.py", "# Not implemented yet."),
    ("tests/test_app.py", "def test_total():\n    ..."),
    ("app.py", 'def f():\n    """Doc.\n"""\n    ...'),
    ("app.js", "const re = /'/;\n// TODO: x"),
    ("lib.rs", 'let s = "todo!()"; todo!()'),
    ("app.js", "// TODO: x"),
    ("app.ts", "const a = 'x'; /* FIXME */"),
    ("app.js", "/**\n * @todo write it\n */"),
    ("app.js", "/*\n * TODO: write it\n */"),
    ("app.js", "const s = `a\n// TODO: no\n`; // TODO: yes"),
    ("app.js", 'throw new Error("not implemented")'),
    ("App.cs", "throw new NotImplementedException();"),
    ("App.java", '    throw new UnsupportedOperationException("Not implemented yet");'),
    ("lib.rs", "fn f() -> u8 { todo!() }"),
    ("lib.rs", "fn f<'a>(x: &'a str) {} // TODO: x"),
    ("main.go", '\tpanic("not implemented")'),
    ("App.kt", 'fun f(): Int = TODO("later")'),
    ("app.rb", "def f\n  raise NotImplementedError\nend"),
    ("app.sql", "-- TODO: index"),
    ("deploy.sh", "echo hi # TODO: more"),
    ("Makefile", "# TODO: more"),
    ("Dockerfile", "# FIXME: pin it"),
    ("ci/config.yml", "# TODO: more"),
    ("page.html", "<!-- TODO: more -->"),
    ("app.css", "/* HACK: for one browser */"),
    ("conf.lua", "-- TODO: more"),
    ("app.php", "<?php # TODO: more"),
]


@pytest.mark.parametrize(("path", "content"), UNFINISHED)
def test_what_is_not_finished_fails_with_its_place(path: str, content: str) -> None:
    verdict = verdict_on(path, content)
    assert verdict.refuses, verdict.summary
    assert verdict.summary == "1 place not finished: finish what is there, or leave it out"
    (finding,) = verdict.findings
    assert finding.path == path
    assert finding.line is not None


FINISHED = [
    # The word in an app about to-do lists.
    ("todo.py", 'TODO = "todo"\nclass Todo:\n    """A TODO."""\n    title: str'),
    ("todo.py", "# Render the TODO list\n# A todo without a title is refused"),
    ("todo.py", "# TODO items are sorted by date"),
    ("todo.py", "# the parser knows TODO and DONE"),
    ("todo.js", "const TODO = 'TODO: buy milk'; // all that is in state TODO"),
    ("todo.py", "print('# TODO: not a comment')"),
    ("todo.py", 'HELP = """\n# TODO: this is what a note looks like\n"""\nx = 1'),
    ("todo.py", "def f():\n    '''\n    TODO: words of a docstring are no comment\n    '''\n    return 1"),
    ("todo.js", "const s = `\n// TODO: text\n`"),
    ("todo.rb", 'title = "# TODO: x"'),
    ("todo.sh", "echo $#TODO"),
    ("app.py", "n = len(XXX)  # 555-XXX-1234 is no number"),
    ("app.py", "HACKATHON = 1  # HACKATHON begins"),
    # What looks like a stub and is none.
    ("app.py", CLASS.format(bases="(Protocol)", decorator="", body="...")),
    ("app.py", CLASS.format(bases="(Protocol[T])", decorator="", body='"""Load."""\n        ...')),
    ("app.py", CLASS.format(bases="(ABC)", decorator="@abstractmethod", body="raise NotImplementedError")),
    ("app.py", CLASS.format(bases="", decorator="@abc.abstractmethod", body="...")),
    ("app.py", CLASS.format(bases="", decorator="@overload", body="...")),
    ("app.py", CLASS.format(bases="", decorator="", body='raise NotImplementedError("subclasses must load")')),
    ("app.py", "class BaseStore:\n    def load(self):\n        raise NotImplementedError"),
    ("app.py", '@click.group()\ndef cli():\n    """Commands."""\n    ...'),
    ("app.pyi", "def f() -> int: ..."),
    ("app.py", "class Refused(Exception): ..."),
    ("app.py", "x: tuple[int, ...] = ()\ny = a[..., 0]"),
    ("app.py", "def f(): return ..."),
    ("app.py", "def f():\n    try:\n        g()\n    except OSError:\n        pass"),
    ("app.py", "def f():\n    x = 1\n    ..."),
    ("app.py", "return NotImplemented"),
    ("tests/test_app.py", "def test_it():\n    def noop(): ...\n    assert call(noop) is None"),
    ("tests/test_app.py", "with pytest.raises(NotImplementedError):\n    f()"),
    ("app.py", "raise HTTPError(501)  # 501 Not Implemented."),
    ("app.py", "# %s is the placeholder that the driver fills"),
    ("form.html", '<input placeholder="Name">'),
    ("Form.jsx", '<input placeholder="TODO: what?" />'),
    ("app.css", "input::placeholder { color: gray }"),
    ("app.js", 'log("not implemented")'),
    ("lib.rs", 'let s = "todo!()";'),
    ("app.js", "const s = 'return \"placeholder\"'; // throw new NotImplementedError"),
    ("app.js", 'throw new Error("connection not established")'),
    ("app.py", "# https://example.com/TODO"),
    ("lib.rs", 'let c = \'"\'; let d = "// TODO: no";'),
    # What is no source file.
    ("docs/todo.py", "# TODO: x"),
    ("README.md", "TODO: x"),
    ("tests/fixtures/bad.py", "# TODO: x"),
    ("notes.txt", "TODO: x"),
    ("data.json", '{"TODO": 1}'),
    ("specs/7-x/plan.md", "TODO"),
    ("image.png", "# TODO"),
]


@pytest.mark.parametrize(("path", "content"), FINISHED)
def test_what_is_finished_passes(path: str, content: str) -> None:
    verdict = verdict_on(path, content)
    assert verdict.outcome is Outcome.PASS, verdict.findings


def test_only_added_lines_count() -> None:
    content = "# TODO: old\nx = 1\n# TODO: new"
    assert verdict_on("a.py", content, added=(2,)).outcome is Outcome.PASS
    assert [finding.line for finding in verdict_on("a.py", content, added=(2, 3)).findings] == [3]


def test_the_whole_file_tells_what_an_added_line_is() -> None:
    content = 'HELP = """\n# TODO: a line of text\n"""\n'
    assert verdict_on("a.py", content, added=(2,)).outcome is Outcome.PASS
    content = "class P(Protocol):\n    def f(self) -> None:\n        ...\n"
    assert verdict_on("a.py", content, added=(3,)).outcome is Outcome.PASS


def test_settings_choose_words_and_paths() -> None:
    assert verdict_on("a.py", "# TODO: x", words=["LATER"]).outcome is Outcome.PASS
    assert verdict_on("a.py", "# LATER: x", words=["LATER"]).refuses
    assert verdict_on("a.py", "# TODO: x", ignore=["*.py"]).outcome is Outcome.PASS
    assert verdict_on("old/a.py", "# TODO: x", paths=["src/**"]).outcome is Outcome.PASS
    assert verdict_on("src/a.py", "# TODO: x", paths=["src/**"]).refuses


def test_findings_are_few_short_and_harmless() -> None:
    lines = "\n".join(f"# TODO: \x1b[31m\u202e{'x' * 5000} {n}" for n in range(500))
    verdict = verdict_on("bad\n\x1b[2Jname.py", lines)
    assert len(verdict.findings) == 21
    assert verdict.findings[-1].message == "… and 480 more"
    for finding in verdict.findings[:20]:
        assert len(finding.message) < 200
        assert (finding.message + (finding.path or "")).isprintable()


def test_files_too_large_are_named() -> None:
    verdict = judge(work(unread=("big.py", "big.csv", "docs/big.py")), MarkersConfig())
    assert (verdict.outcome, verdict.summary) == (Outcome.WARN, "`big.py` could not be read: too large")


@pytest.mark.parametrize(
    "line",
    ["'" * 1_000_000, "#" * 1_000_000, "/*" * 500_000, "\\" * 1_000_000, "(" * 1_000_000, "def f(" * 100_000,
     "# " + "TODO" * 100_000, "# not " * 100_000, "throw new " * 100_000, "\0\ufffd" * 100_000, "`" * 999_999],
)  # fmt: skip
@pytest.mark.parametrize("path", ["a.py", "a.js"])
def test_hostile_text_is_judged_quickly(path: str, line: str) -> None:
    begin = time.process_time()
    verdict_on(path, line)
    verdict_on(path, "\n".join([line[:4000]] * 80))
    assert time.process_time() - begin < 8


def test_a_module_of_many_nested_functions_is_judged_quickly() -> None:
    begin = time.process_time()
    verdict_on("a.py", "\n".join(" " * (n % 500) + f"def f{n}(): ..." for n in range(20_000)))
    verdict_on("a.py", "\n".join(" " * n + "def f():" for n in range(1400)))
    assert time.process_time() - begin < 8
