"""REST: comments on issues and pull requests, and reactions."""

from bot.localhub import issues
from bot.localhub.api import Answer, Call, Routes
from bot.localhub.clock import epoch
from bot.localhub.errors import forbidden, not_found
from bot.localhub.people import Role
from bot.localhub.records import Comment, Issue, Reaction, Repo
from bot.localhub.rest.issues import ISSUE, WRITE, writes_to
from bot.localhub.rest.parameters import moment, text
from bot.localhub.shapes.issues import comment_json, reaction_json
from bot.localhub.threads import find_issue

routes = Routes()
COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id:int}"


def _find(call: Call, repo: Repo) -> tuple[Issue, Comment]:
    """The comment in the path and what it was said on."""
    comment = call.hub.store.one(
        Comment,
        "SELECT * FROM comments WHERE id = ? AND repo_id = ?",
        call.parameters["comment_id"],
        repo.id,
    )
    if comment is None:
        raise not_found()
    return _issue_of(call, comment), comment


def _issue_of(call: Call, comment: Comment) -> Issue:
    issue = call.hub.store.one(Issue, "SELECT * FROM issues WHERE id = ?", comment.issue_id)
    assert issue is not None
    return issue


@routes.get("/repos/{owner}/{repo}/issues/comments")
def list_all_comments(call: Call) -> object:
    """GitHub's `issues/list-comments-for-repo`."""
    repo, since = call.repo(resource=WRITE), moment(call.query.get("since"))
    found = call.hub.store.all(
        Comment, "SELECT * FROM comments WHERE repo_id = ? AND born <= ? ORDER BY id", repo.id, call.until()
    )
    found = [comment for comment in found if epoch(comment.updated_at) >= since]
    sort = call.query.get("sort")
    if sort is not None:
        found.sort(
            key=lambda comment: comment.updated_at if sort == "updated" else comment.created_at,
            reverse=call.query.get("direction", "desc") == "desc",
        )
    return call.page(found, lambda comment: comment_json(call.view, repo, _issue_of(call, comment), comment))


@routes.get(COMMENT)
def get_comment(call: Call) -> object:
    """GitHub's `issues/get-comment`."""
    repo = call.repo(resource=WRITE)
    issue, comment = _find(call, repo)
    return comment_json(call.view, repo, issue, comment)


@routes.add("PATCH", COMMENT)
def edit_comment(call: Call) -> object:
    """GitHub's `issues/update-comment`."""
    repo, by = call.repo(Role.READ, WRITE, "write"), call.actor
    issue, comment = _find(call, repo)
    if comment.author_id != by.user.id and not writes_to(call, repo, issue, Role.WRITE):
        raise forbidden("Must have admin rights to Repository.")
    body = text(call.body(), "body", "IssueComment")
    edited = issues.edit_comment(call.hub, repo, issue, comment, body, by)
    return comment_json(call.view, repo, issue, edited)


@routes.add("DELETE", COMMENT, 204)
def delete_comment(call: Call) -> object:
    """GitHub's `issues/delete-comment`."""
    repo, by = call.repo(Role.READ, WRITE, "write"), call.actor
    issue, comment = _find(call, repo)
    if comment.author_id != by.user.id and not writes_to(call, repo, issue, Role.WRITE):
        raise forbidden("Must have admin rights to Repository.")
    issues.delete_comment(call.hub, repo, issue, comment, by)
    return None


@routes.get(f"{ISSUE}/comments")
def list_comments(call: Call) -> object:
    """GitHub's `issues/list-comments`."""
    repo, since = call.repo(resource=WRITE), moment(call.query.get("since"))
    issue = find_issue(call.hub, repo, call.number)
    found = call.hub.store.all(
        Comment,
        "SELECT * FROM comments WHERE issue_id = ? AND born <= ? ORDER BY id",
        issue.id,
        call.until(),
    )
    found = [comment for comment in found if epoch(comment.updated_at) >= since]
    return call.page(found, lambda comment: comment_json(call.view, repo, issue, comment))


@routes.add("POST", f"{ISSUE}/comments", 201)
def create_comment(call: Call) -> object:
    """GitHub's `issues/create-comment`."""
    repo, by = call.repo(Role.READ, WRITE, "write"), call.actor
    issue = find_issue(call.hub, repo, call.number)
    comment = issues.comment(call.hub, repo, issue, text(call.body(), "body", "IssueComment"), by)
    return comment_json(call.view, repo, issue, comment)


def _subject(call: Call, level: str) -> tuple[str, int]:
    """What is reacted to: the issue or the comment in the path."""
    repo = call.repo(Role.READ, WRITE, level)
    if "comment_id" in call.parameters:
        return "comment", _find(call, repo)[1].id
    return "issue", find_issue(call.hub, repo, call.number).id


def _list_reactions(call: Call) -> object:
    subject, subject_id = _subject(call, "read")
    content = call.query.get("content")
    found = call.hub.store.all(
        Reaction,
        "SELECT * FROM reactions WHERE subject = ? AND subject_id = ? AND born <= ? ORDER BY id",
        subject,
        subject_id,
        call.until(),
    )
    chosen = [reaction for reaction in found if content in (None, reaction.content)]
    return call.page(chosen, lambda reaction: reaction_json(call.view, reaction))


def _create_reaction(call: Call) -> object:
    subject, subject_id = _subject(call, "write")
    content = text(call.body(), "content", "Reaction")
    reaction, is_new = issues.react(call.hub, subject, subject_id, content, call.actor)
    return Answer(reaction_json(call.view, reaction), 201 if is_new else 200)


def _delete_reaction(call: Call) -> object:
    subject, subject_id = _subject(call, "write")
    gone = call.hub.store.run(
        "DELETE FROM reactions WHERE id = ? AND subject = ? AND subject_id = ? AND user_id = ?",
        call.parameters["reaction_id"],
        subject,
        subject_id,
        call.actor.user.id,
    )
    if not gone:
        raise not_found()
    return None


for _place in (ISSUE, COMMENT):
    routes.get(f"{_place}/reactions")(_list_reactions)
    routes.add("POST", f"{_place}/reactions")(_create_reaction)
    routes.add("DELETE", f"{_place}/reactions/{{reaction_id:int}}", 204)(_delete_reaction)
