"""Links that people write without brackets: `#12`, `owner/name#12`, `@user`, a commit's id, an address."""

import re
from collections.abc import Iterator

from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from bot.localhub.errors import ApiError
from bot.localhub.hub import Hub
from bot.localhub.records import Issue, Repo

_REFERENCE = re.compile(
    r"(?<![\w/@#.-])(?:"
    r"(?P<url>https?://[^\s<>\"'`]+[^\s<>\"'`.,:;!?)\]}*_~])"
    r"|(?P<repo>[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+)?\#(?P<number>\d{1,9})\b"
    r"|@(?P<login>[A-Za-z0-9][A-Za-z0-9-]*)"
    r"|(?P<sha>[0-9a-f]{7,40})(?![\w-])"
    r")"
)
_SHA = re.compile(r"(?<![\w-])[0-9a-f]{7,40}(?![\w-])")
_MOST_COMMITS = 200


class References:
    """What the references in one text lead to; commits are looked up all at once."""

    def __init__(self, hub: Hub, repo: Repo, text: str) -> None:
        self._hub = hub
        self._repo = repo
        self._commits = self._find_commits(text)

    def _find_commits(self, text: str) -> dict[str, str]:
        wanted = list(dict.fromkeys(_SHA.findall(text)))[:_MOST_COMMITS]
        if not wanted:
            return {}
        lines = "".join(f"{sha}^{{commit}}\n" for sha in wanted).encode()
        answers = self._hub.git(self._repo).run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=lines)
        found = {}
        for sha, answer in zip(wanted, answers.decode(errors="replace").splitlines(), strict=False):
            name, _, kind = answer.partition(" ")
            if kind == "commit":
                found[sha] = name
        return found

    def target(self, found: re.Match[str]) -> tuple[str, str, str] | None:
        """Address, words and class of the link for one match, None when it leads nowhere."""
        if found["url"]:
            return found["url"], found["url"], ""
        if found["login"]:
            user = self._hub.user_named(found["login"])
            return (f"/{user.login}", f"@{user.login}", "mention") if user and user.type == "User" else None
        if found["sha"]:
            full = self._commits.get(found["sha"])
            return (f"/{self._repo.full_name}/commit/{full}", found["sha"][:7], "sha") if full else None
        return self._issue(found["repo"], int(found["number"]), found[0])

    def _issue(self, full_name: str | None, number: int, words: str) -> tuple[str, str, str] | None:
        repo = self._repo
        if full_name:
            owner, _, name = full_name.partition("/")
            try:
                repo = self._hub.repo_named(owner, name)
            except ApiError:
                return None
            if repo.private and repo.id != self._repo.id:
                return None
        sql = "SELECT * FROM issues WHERE repo_id = ? AND number = ?"
        issue = self._hub.store.one(Issue, sql, repo.id, number)
        if issue is None:
            return None
        return f"/{repo.full_name}/{'pull' if issue.is_pull else 'issues'}/{number}", words, ""


def link_references(state: StateCore) -> None:
    """A rule of markdown-it's core: link what is written outside links and code."""
    references = state.env["hub references"]
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = list(_linked(token.children, references))


def _linked(tokens: list[Token], references: References) -> Iterator[Token]:
    inside = 0
    for token in tokens:
        if token.type == "html_inline":
            written = token.content.lower()
            inside += written.startswith("<a") - written.startswith("</a")
        inside += (token.type == "link_open") - (token.type == "link_close")
        if token.type != "text" or inside > 0:
            yield token
        else:
            yield from _split(token.content, references)


def split_references(text: str, references: References) -> list[Token]:
    """A text as tokens, its references as links."""
    return list(_split(text, references))


def _split(text: str, references: References) -> Iterator[Token]:
    at = 0
    for found in _REFERENCE.finditer(text):
        target = references.target(found)
        if target is None:
            continue
        yield _text(text[at : found.start()])
        url, words, name = target
        opening = Token("link_open", "a", 1)
        opening.attrs = {"href": url, "class": name} if name else {"href": url}
        yield from (opening, _text(words), Token("link_close", "a", -1))
        at = found.end()
    yield _text(text[at:])


def _text(content: str) -> Token:
    token = Token("text", "", 0)
    token.content = content
    return token
