"""What anyone can see of a run from outside: issue, pull request, comments, commits, agent calls."""

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bot.domain.errors import ForgeError
from bot.entrypoints.demo.home import BOT_LOGIN, Home, Record
from bot.entrypoints.demo.hub import Person

_MARKER = re.compile(r"<!-- issuewright:(?P<key>\S+) -->")
_STATUS_MARKER = re.compile(r"<!-- issuewright:\S+:status -->")
_GATE_KEY = re.compile(r"(?P<run>[^:\s]+):gate:(?P<gate>[^:\s]+):(?P<round>\d+)\Z")
_TRAILER = re.compile(r"(?m)^Issuewright-(?P<name>[A-Za-z]+(?:-[A-Za-z]+)*): (?P<value>.+)$")


class Seen(BaseModel):
    """A part of what GitHub sent, as it was at one moment; the rest is of no interest here."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Gate(Seen):
    """A gate that people were asked to decide, by its comment's key; `number` is where that comment is."""

    key: str
    name: str
    round: int
    number: int
    url: str


class Comment(Seen):
    """A comment on the issue or the pull request, whose number is `number`."""

    id: int
    number: int
    login: str
    body: str
    url: str

    @property
    def is_from_bot(self) -> bool:
        """Whether the bot wrote it, by login."""
        return self.login == BOT_LOGIN

    @property
    def gate(self) -> Gate | None:
        """The gate that this comment opens, if the bot wrote it for one."""
        marker = _MARKER.match(self.body) if self.is_from_bot else None
        key = _GATE_KEY.match(marker["key"]) if marker else None
        if key is None:
            return None
        return Gate(key=key[0], name=key["gate"], round=int(key["round"]), number=self.number, url=self.url)


class Review(Seen):
    """A submitted review of the pull request."""

    id: int
    login: str
    state: str
    body: str
    url: str


class Commit(Seen):
    """A commit of the pull request."""

    sha: str
    message: str

    @property
    def trailers(self) -> dict[str, str]:
        """Issuewright's trailers without their prefix: `Stage`, `Attempt`, `Cost-USD`, …"""
        return {match["name"]: match["value"].strip() for match in _TRAILER.finditer(self.message)}


class Pull(Seen):
    """The run's pull request."""

    number: int
    url: str
    state: str
    draft: bool
    merged: bool
    head: str
    branch: str
    merge_commit: str | None


class AgentCall(Seen):
    """One agent start, as its supervisor counted it; `attempt` is the attempt's key."""

    attempt: str
    stage: str
    number: int
    agent: str


class World(Seen):
    """Everything at one moment."""

    issue_state: str
    labels: tuple[str, ...]
    comments: tuple[Comment, ...] = ()
    reviews: tuple[Review, ...] = ()
    pull: Pull | None = None
    commits: tuple[Commit, ...] = ()
    agent_calls: tuple[AgentCall, ...] = ()

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The gates that people have been asked to decide, oldest first, each once."""
        gates = {gate.key: gate for comment in self.comments if (gate := comment.gate)}
        return tuple(gates.values())

    @property
    def status(self) -> str:
        """The bot's status comment as plain lines; empty before there is one."""
        bodies = [c.body for c in self.comments if c.is_from_bot and _STATUS_MARKER.match(c.body)]
        lines = (line.strip("#>* ") for line in bodies[-1].splitlines()) if bodies else ()
        return "\n".join(line for line in lines if line and not line.startswith(("<", "|")))

    @property
    def cost_usd(self) -> float:
        """What the commits say they cost."""
        return sum(float(commit.trailers.get("Cost-USD", 0)) for commit in self.commits)


class Observer:
    """Looks at the world with a person's eyes, so that its requests do not count as the bot's."""

    def __init__(self, home: Home, record: Record, person: Person, issue: int) -> None:
        self._calls_file = home.agent_calls_file
        self._repository = f"/repos/{record.owner}/{record.name}"
        self._person = person
        self._issue = issue
        self._pull: int | None = None
        self._commits: tuple[str, tuple[Commit, ...]] = ("", ())

    def look(self) -> World:
        """The world as it is now: two requests, and six with a pull request."""
        issue = self._person.get(f"{self._repository}/issues/{self._issue}")
        pull = self._look_at_pull()
        return World(
            issue_state=issue["state"],
            labels=tuple(label["name"] for label in issue["labels"]),
            comments=self._comments(self._issue) + (self._comments(pull.number) if pull else ()),
            reviews=self._reviews(pull.number) if pull else (),
            pull=pull,
            commits=self._commits_of(pull) if pull else (),
            agent_calls=read_agent_calls(self._calls_file),
        )

    def branch_exists(self, branch: str) -> bool:
        """Whether the run's branch is still there."""
        try:
            self._person.get(f"{self._repository}/git/ref/heads/{branch}")
        except ForgeError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _look_at_pull(self) -> Pull | None:
        if self._pull is None:
            for pull in self._person.items(f"{self._repository}/pulls", state="all"):
                if pull["head"]["ref"].startswith(f"issuewright/{self._issue}-"):
                    self._pull = pull["number"]
        if self._pull is None:
            return None
        pull = self._person.get(f"{self._repository}/pulls/{self._pull}")
        return Pull(
            number=pull["number"],
            url=pull["html_url"],
            state=pull["state"],
            draft=pull["draft"],
            merged=pull["merged"],
            head=pull["head"]["sha"],
            branch=pull["head"]["ref"],
            merge_commit=pull["merge_commit_sha"],
        )

    def _comments(self, number: int) -> tuple[Comment, ...]:
        found = self._person.items(f"{self._repository}/issues/{number}/comments")
        return tuple(
            Comment(id=c["id"], number=number, login=c["user"]["login"], body=c["body"], url=c["html_url"])
            for c in found
        )

    def _reviews(self, number: int) -> tuple[Review, ...]:
        found = self._person.items(f"{self._repository}/pulls/{number}/reviews")
        return tuple(
            Review(id=r["id"], login=r["user"]["login"], state=r["state"], body=r["body"] or "", url=r["html_url"])
            for r in found
        )

    def _commits_of(self, pull: Pull) -> tuple[Commit, ...]:
        if self._commits[0] != pull.head:
            found = self._person.items(f"{self._repository}/pulls/{pull.number}/commits")
            self._commits = (
                pull.head,
                tuple(Commit(sha=c["sha"], message=c["commit"]["message"]) for c in found),
            )
        return self._commits[1]


def read_agent_calls(file: Path) -> tuple[AgentCall, ...]:
    """One record an agent start. A last line that is still being written is left for the next look."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return ()
    return tuple(AgentCall.model_validate_json(line) for line in lines if line.strip())
