"""What happened between two looks at the world, in sentences for the terminal. Pure."""

import re
from typing import Literal

from bot.domain.values import Value
from bot.entrypoints.demo.world import AgentCall, Comment, Commit, Review, World

Kind = Literal["agent", "bot", "person", "commit", "gate", "pull", "done", "trouble"]


_MARKUP = re.compile(r"<[^>]*>|^[#>\s]+|\*\*|```\w*")
_REVIEWED = {"APPROVED": "approved it", "CHANGES_REQUESTED": "requested changes"}


class News(Value):
    """One line for the terminal; `url` is where to read more."""

    kind: Kind
    text: str
    url: str = ""


def news(before: World | None, after: World) -> tuple[News, ...]:
    """Everything in `after` that was not in `before`, in the order in which it is likely to have happened."""
    calls = after.agent_calls[len(before.agent_calls) if before else 0 :]
    known_commits = {commit.sha for commit in before.commits} if before else set()
    known_reviews = {review.id for review in before.reviews} if before else set()
    known_comments = {comment.id for comment in before.comments} if before else set()
    comments = [comment for comment in after.comments if comment.id not in known_comments]
    return (
        *(_comment(comment) for comment in comments if not comment.is_from_bot),
        *(_review(review) for review in after.reviews if review.id not in known_reviews),
        *(_commit(commit) for commit in after.commits if commit.sha not in known_commits),
        *_refusals(before, after),
        *(_agent_call(call) for call in calls),
        *_pull(before, after),
        *(_comment(comment) for comment in comments if comment.is_from_bot),
        *_end(before, after),
    )


def _agent_call(call: AgentCall) -> News:
    return News(kind="agent", text=f"{call.stage}: attempt {call.number} started ({call.agent})")


def _commit(commit: Commit) -> News:
    title, trailers = commit.message.splitlines()[0], commit.trailers
    if "Stage" not in trailers:
        return News(kind="commit", text=f"{commit.sha[:7]} {title}")
    cost = float(trailers.get("Cost-USD", 0))
    attempt = f"{trailers['Stage']}, attempt {trailers.get('Attempt', '?')}, ${cost:.2f}"
    return News(kind="commit", text=f"{commit.sha[:7]} {title} ({attempt})")


def _pull(before: World | None, after: World) -> list[News]:
    pull, old = after.pull, before.pull if before else None
    if pull is None:
        return []
    found = []
    if old is None:
        found.append(News(kind="pull", text=f"pull request #{pull.number} opened as a draft", url=pull.url))
    if (old is None or old.draft) and not pull.draft and not pull.merged:
        found.append(News(kind="pull", text=f"pull request #{pull.number} is ready for review"))
    return found


def _end(before: World | None, after: World) -> list[News]:
    pull, old = after.pull, before.pull if before else None
    found = []
    if pull and pull.merged and not (old and old.merged):
        found.append(News(kind="done", text=f"pull request #{pull.number} merged", url=pull.url))
    elif pull and pull.state == "closed" and not (old and old.state == "closed"):
        found.append(News(kind="trouble", text=f"pull request #{pull.number} closed without a merge"))
    if after.issue_state == "closed" and not (before and before.issue_state == "closed"):
        found.append(News(kind="done", text="issue closed"))
    return found


def _comment(comment: Comment) -> News:
    if gate := comment.gate:
        return News(kind="gate", text=f"gate {gate.name}, round {gate.round}: a person decides", url=gate.url)
    kind: Kind = "bot" if comment.is_from_bot else "person"
    return News(kind=kind, text=f"{comment.login} on #{comment.number}: {_first_line(comment.body)}", url=comment.url)


def _review(review: Review) -> News:
    did = _REVIEWED.get(review.state, "reviewed it")
    said = f": {_first_line(review.body)}" if review.body.strip() else ""
    return News(kind="person", text=f"{review.login} {did}{said}", url=review.url)


def _refusals(before: World | None, after: World) -> list[News]:
    """What the bot's comments quote since they were edited: the evidence against the latest attempt."""
    known = {comment.id: comment.body.splitlines() for comment in before.comments} if before else {}
    return [
        News(kind="trouble", text=f"refused: {line[1:].strip()}")
        for comment in after.comments
        if comment.is_from_bot
        for line in comment.body.splitlines()
        if comment.id in known and line.startswith(">") and line not in known[comment.id]
    ]


def _first_line(body: str, width: int = 100) -> str:
    """The first line that people see, as plain text: no marker, no HTML, no Markdown around it."""
    for line in body.splitlines():
        words = _MARKUP.sub("", line).strip()
        if words and not words.startswith("|"):
            return words if len(words) <= width else words[: width - 1] + "…"
    return "(details)"
