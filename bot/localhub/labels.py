"""What can be done to labels, a repository's and an issue's."""

import re
import time

from bot.localhub.errors import invalid, not_found
from bot.localhub.hub import Hub
from bot.localhub.issue_events import note, touch
from bot.localhub.records import Actor, Issue, Label, Repo
from bot.localhub.shapes.issues import label_json
from bot.localhub.threads import emit_thread

LABEL_LIMIT = 50
_COLOR = re.compile(r"[0-9a-fA-F]{6}\Z")
_DEFAULTS = (
    ("bug", "d73a4a", "Something isn't working"),
    ("documentation", "0075ca", "Improvements or additions to documentation"),
    ("enhancement", "a2eeef", "New feature or request"),
    ("question", "d876e3", "Further information is requested"),
)


def add_default_labels(hub: Hub, repo: Repo) -> None:
    """The labels that a new repository starts with."""
    for name, color, description in _DEFAULTS:
        _insert(hub, repo, name, color, description, is_default=True)


def _insert(hub: Hub, repo: Repo, name: str, color: str, description: str | None, is_default: bool) -> Label:
    label_id = hub.store.new_id()
    hub.store.insert(
        "labels",
        id=label_id,
        repo_id=repo.id,
        name=name,
        color=color.lower(),
        description=description,
        is_default=int(is_default),
        born=time.time(),
    )
    label = hub.store.one(Label, "SELECT * FROM labels WHERE id = ?", label_id)
    assert label is not None
    return label


def find_label(hub: Hub, repo: Repo, name: str) -> Label | None:
    """A repository's label by name, in whatever case."""
    return hub.store.one(Label, "SELECT * FROM labels WHERE repo_id = ? AND name = ?", repo.id, name)


def create_label(hub: Hub, repo: Repo, name: str, color: str | None, description: str | None) -> Label:
    """A new label; 422 when the name is taken or does not do."""
    if not name.strip():
        raise invalid("Label", "name", "missing_field")
    if len(name) > LABEL_LIMIT:
        raise invalid("Label", "name", "custom", f"name is too long (maximum is {LABEL_LIMIT} characters)")
    if color is not None and not _COLOR.match(color):
        raise invalid("Label", "color", "invalid")
    if find_label(hub, repo, name):
        raise invalid("Label", "name", "already_exists")
    return _insert(hub, repo, name, color or "ededed", description, is_default=False)


def set_labels(hub: Hub, repo: Repo, issue: Issue, names: list[str], by: Actor) -> None:
    """Make these the issue's labels, no others."""
    wanted = {name.lower() for name in names}
    for label in _labels(hub, issue):
        if label.name.lower() not in wanted:
            remove_label(hub, repo, issue, label.name, by)
    add_labels(hub, repo, issue, names, by)


def add_labels(hub: Hub, repo: Repo, issue: Issue, names: list[str], by: Actor) -> None:
    """Put labels on an issue: `labeled` for each that was not there."""
    for label in attach_labels(hub, repo, issue, names, by):
        announce_label(hub, repo, issue, "labeled", label, by)


def attach_labels(hub: Hub, repo: Repo, issue: Issue, names: list[str], by: Actor) -> list[Label]:
    """Put labels on an issue, made on the way when the repository does not know them, and announce nothing;
    answers those that were not there."""
    added = []
    present = {label.name.lower() for label in _labels(hub, issue)}
    for name in names:
        if name.lower() in present:
            continue
        present.add(name.lower())
        label = find_label(hub, repo, name) or create_label(hub, repo, name, None, None)
        hub.store.insert("issue_labels", issue_id=issue.id, label_id=label.id, born=time.time())
        _note(hub, issue, "labeled", label, by)
        added.append(label)
    return added


def remove_label(hub: Hub, repo: Repo, issue: Issue, name: str, by: Actor) -> None:
    """Take a label off; 404 when it is not there."""
    label = next((label for label in _labels(hub, issue) if label.name.lower() == name.lower()), None)
    if label is None:
        raise not_found("Label does not exist")
    hub.store.run("DELETE FROM issue_labels WHERE issue_id = ? AND label_id = ?", issue.id, label.id)
    _note(hub, issue, "unlabeled", label, by)
    announce_label(hub, repo, issue, "unlabeled", label, by)


def _labels(hub: Hub, issue: Issue) -> list[Label]:
    return hub.store.all(
        Label,
        "SELECT l.* FROM labels l JOIN issue_labels i ON i.label_id = l.id WHERE i.issue_id = ?",
        issue.id,
    )


def _note(hub: Hub, issue: Issue, event: str, label: Label, by: Actor) -> None:
    note(hub, issue, event, by, {"label": {"name": label.name, "color": label.color}})
    touch(hub, issue)


def announce_label(hub: Hub, repo: Repo, issue: Issue, event: str, label: Label, by: Actor) -> None:
    """Send `issues.labeled` or `unlabeled`."""
    emit_thread(hub, repo, issue, event, by, lambda view: {"label": label_json(view, repo, label)})
