"""Rows as values: one frozen class a table, fields named as its columns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """A person, or the bot account of an App (`app_id`)."""

    id: int
    login: str
    name: str | None
    email: str
    type: str
    app_id: int | None
    created_at: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a user, and the App's id when an App does it as its bot."""

    user: User
    via_app: int | None = None


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository; `next_number` is that of its next issue or pull request."""

    id: int
    owner_id: int
    owner: str
    name: str
    description: str | None
    private: int
    default_branch: str
    next_number: int
    created_at: str
    updated_at: str
    pushed_at: str

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class App:
    """A GitHub App; `permissions` and `events` are JSON."""

    id: int
    slug: str
    name: str
    public_key: str
    webhook_url: str | None
    webhook_secret: str | None
    permissions: str
    events: str
    owner_id: int
    bot_id: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Installation:
    """An App on one account."""

    id: int
    app_id: int
    account_id: int
    created_at: str


@dataclass(frozen=True, slots=True)
class Label:
    """A repository's label."""

    id: int
    repo_id: int
    name: str
    color: str
    description: str | None
    is_default: int
    born: float


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue, or the issue half of a pull request (`is_pull`)."""

    id: int
    repo_id: int
    number: int
    is_pull: int
    title: str
    body: str | None
    state: str
    state_reason: str | None
    author_id: int
    via_app: int | None
    created_at: str
    updated_at: str
    closed_at: str | None
    closed_by: int | None
    born: float


@dataclass(frozen=True, slots=True)
class Pull:
    """The pull request half: `issue_id` leads to its number, title, body and state."""

    issue_id: int
    id: int
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: int
    merged_at: str | None
    merged_by: int | None
    merge_commit_sha: str | None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on an issue or on a pull request's conversation."""

    id: int
    repo_id: int
    issue_id: int
    author_id: int
    via_app: int | None
    body: str
    created_at: str
    updated_at: str
    born: float


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction; `subject` is issue or comment."""

    id: int
    subject: str
    subject_id: int
    user_id: int
    content: str
    created_at: str
    born: float


@dataclass(frozen=True, slots=True)
class IssueEvent:
    """`detail` is a JSON object with what the event's kind adds (a label, a rename, a reviewer)."""

    id: int
    repo_id: int
    issue_id: int
    actor_id: int
    via_app: int | None
    event: str
    commit_id: str | None
    detail: str
    created_at: str
    born: float


@dataclass(frozen=True, slots=True)
class Review:
    """A review; PENDING until `submitted_at`."""

    id: int
    issue_id: int
    author_id: int
    state: str
    body: str
    commit_id: str
    submitted_at: str | None
    born: float


@dataclass(frozen=True, slots=True)
class ReviewComment:
    """A comment on a line of a pull request's diff, as that stood at `commit_id`; `line` counts on `side`."""

    id: int
    repo_id: int
    issue_id: int
    review_id: int
    author_id: int
    body: str
    path: str
    side: str
    line: int
    start_side: str | None
    start_line: int | None
    position: int
    diff_hunk: str
    commit_id: str
    in_reply_to: int | None
    created_at: str
    updated_at: str
    born: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook to send: `state` is pending, held, dropped or done; `copies` left to send while pending."""

    seq: int
    guid: str
    app_id: int
    installation_id: int
    repo_id: int | None
    event: str
    action: str | None
    payload: str
    created_at: str
    state: str
    ready: float
    copies: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver; status 0 when no answer came, and `error` says why."""

    id: int
    guid: str
    at: str
    status: int
    error: str | None
    ms: float
    redelivery: int
