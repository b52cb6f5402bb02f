"""What templates ask for while they are laid out: people, labels, colours, Markdown."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from bot.localhub.pages import markdown
from bot.localhub.people import association
from bot.localhub.records import Issue, Label, Pull, Repo, User
from bot.localhub.shapes.issues import CONTENTS, labels_of
from bot.localhub.threads import pull_of

if TYPE_CHECKING:
    from bot.localhub.pages.visit import Visit

EMOJI = dict(zip(CONTENTS, ("👍", "👎", "😄", "😕", "❤️", "🎉", "🚀", "👀"), strict=True))
_ROLES = {"OWNER": "Owner", "COLLABORATOR": "Collaborator", "CONTRIBUTOR": "Contributor"}


@dataclass(frozen=True)
class Person:
    """A user as pages name them; a bot without its brackets."""

    login: str
    shown: str
    page: str
    picture: str
    is_bot: bool


@dataclass(frozen=True)
class Reacted:
    """One kind of reaction to something: how often, by whom, and whether the visitor is among them."""

    content: str
    emoji: str
    count: int
    who: str
    own: bool


class Look:
    """Helpers for one page; remembers the label colours that it needs."""

    def __init__(self, visit: "Visit") -> None:
        self._visit = visit
        self._hub = visit.hub
        self._people: dict[int, Person] = {}
        self._colors: set[str] = set()

    def person(self, user: User | int) -> Person:
        """A user, or the one with that id."""
        key = user if isinstance(user, int) else user.id
        if key not in self._people:
            user = self._hub.user(key)
            bare = user.login.removesuffix("[bot]")
            is_bot = user.type == "Bot"
            page = f"/apps/{bare}" if is_bot else f"/{bare}"
            self._people[key] = Person(user.login, bare, page, f"/avatars/u/{user.id}", is_bot)
        return self._people[key]

    def role(self, repo: Repo, user_id: int) -> str:
        """How somebody stands to the repository, empty for strangers and bots."""
        user = self._hub.user(user_id)
        return "" if user.type == "Bot" else _ROLES.get(association(self._hub, repo, user), "")

    def labels(self, issue: Issue) -> list[Label]:
        """The labels on an issue."""
        return labels_of(self._visit.view, issue)

    def color(self, color: str) -> str:
        """The class of a label's colour; its style is linked from the page's head."""
        if not markdown.is_color(color):
            return ""
        self._colors.add(color.lower())
        return f"c-{color.lower()}"

    @property
    def colors_url(self) -> str | None:
        """The style sheet for the colours asked for so far."""
        return f"/_pages/labels.css?{'-'.join(sorted(self._colors))}" if self._colors else None

    def pull(self, issue: Issue) -> Pull:
        """The other half of a pull request."""
        return pull_of(self._hub, issue)

    def open_count(self, repo: Repo, is_pull: bool) -> int:
        """How many issues or pull requests are open."""
        sql = "SELECT count(*) FROM issues WHERE repo_id = ? AND is_pull = ? AND state = 'open'"
        return int(self._hub.store.value(sql, repo.id, int(is_pull)))

    def account(self, email: str) -> User | None:
        """The user whose address a commit carries."""
        return self._hub.store.one(User, "SELECT * FROM users WHERE email = ?", email)

    def replies(self, issue: Issue) -> int:
        """How many comments an issue has."""
        return int(self._hub.store.value("SELECT count(*) FROM comments WHERE issue_id = ?", issue.id))

    def markdown(self, repo: Repo, text: str | None) -> Markup:
        """What somebody wrote on an issue, a pull request or a check run."""
        return markdown.render(self._hub, text or "", markdown.conversation(repo))

    def reactions(self, subject: str, subject_id: int) -> list[Reacted]:
        """The reactions to an issue or comment."""
        rows = self._hub.store.rows(
            "SELECT r.content, r.user_id, u.login FROM reactions r JOIN users u ON u.id = r.user_id"
            " WHERE r.subject = ? AND r.subject_id = ? ORDER BY r.id",
            subject,
            subject_id,
        )
        found = []
        for content in CONTENTS:
            of_kind = [row for row in rows if row["content"] == content]
            if of_kind:
                own = self._visit.user is not None and any(row["user_id"] == self._visit.user.id for row in of_kind)
                who = ", ".join(row["login"] for row in of_kind)
                found.append(Reacted(content, EMOJI[content], len(of_kind), who, own))
        return found

    def links(self, repo: Repo, text: str) -> Markup:
        """One line of text (a title, a commit's first line) with `#12` and its like linked."""
        return markdown.line(self._hub, text, repo)

    @property
    def all_reactions(self) -> dict[str, str]:
        """Every reaction that there is, by its name."""
        return EMOJI
