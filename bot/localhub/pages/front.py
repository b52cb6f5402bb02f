"""The front door: repositories, people, signing in and out, and what pages are made of."""

import colorsys
import html
import re

from starlette.responses import Response

from bot.localhub.auth import may_see
from bot.localhub.errors import ApiError, not_found
from bot.localhub.pages import rendering, session
from bot.localhub.pages.markdown import is_color
from bot.localhub.pages.visit import Pages, Visit, go
from bot.localhub.people import Role, role_of
from bot.localhub.records import App, Repo, User

pages = Pages()
_CACHED = {"cache-control": "public, max-age=31536000, immutable"}


def _repositories(visit: Visit, owner: User | None = None) -> list[Repo]:
    found = visit.hub.store.all(Repo, "SELECT * FROM repositories ORDER BY pushed_at DESC, id DESC")
    return [
        repo for repo in found if may_see(visit.hub, visit.caller, repo) and (not owner or owner.id == repo.owner_id)
    ]


def _people(visit: Visit) -> list[User]:
    return visit.hub.store.all(User, "SELECT * FROM users WHERE type = 'User' ORDER BY login")


@pages.get("/")
def front(visit: Visit) -> Response:
    """What there is, and who one can be."""
    return visit.page("front.html.j2", "localhub", repositories=_repositories(visit), people=_people(visit))


@pages.get("/login")
def choose(visit: Visit) -> Response:
    """Everybody one can sign in as, with what they may do to the repository one comes from."""
    back = visit.query.get("back", "/")
    parts, roles = back.split("?")[0].split("/"), {}
    if len(parts) > 2:
        try:
            repo = visit.hub.repo_named(parts[1], parts[2])
            roles = {user.id: role_of(visit.hub, repo, user) for user in _people(visit)}
        except ApiError:
            pass
    shown = {key: role.role_name for key, role in roles.items() if role > Role.NONE}
    return visit.page("login.html.j2", "Sign in", people=_people(visit), back=back, roles=shown)


@pages.post("/login")
def sign_in(visit: Visit) -> Response:
    """One click: this is a development tool on one's own machine."""
    user = visit.hub.user_named(visit.said("login"))
    if user is None or user.type != "User":
        raise ApiError(422, "Nobody of that name can sign in")
    visit.renew = session.begin(visit.hub, user)
    return go(visit.said("back") or "/")


@pages.post("/logout")
def sign_out(visit: Visit) -> Response:
    """Be nobody again."""
    visit.renew = session.begin(visit.hub, None)
    return go(visit.said("back") or "/")


@pages.get("/{login}")
def person(visit: Visit) -> Response:
    """A user and their repositories."""
    user = visit.hub.user_named(visit.parameters["login"])
    if user is None or user.type != "User":
        raise not_found()
    return visit.page("person.html.j2", user.login, user=user, repositories=_repositories(visit, user), about=None)


@pages.get("/apps/{slug}")
def app(visit: Visit) -> Response:
    """An App."""
    found = visit.hub.store.one(App, "SELECT * FROM apps WHERE slug = ?", visit.parameters["slug"])
    if found is None:
        raise not_found()
    bot = visit.hub.user(found.bot_id)
    return visit.page("person.html.j2", found.name, user=bot, repositories=[], about=f"GitHub App · {found.name}")


@pages.get("/_pages/style.css")
def style(visit: Visit) -> Response:
    """The style sheet of all pages."""
    return Response(rendering.style(), 200, _CACHED, media_type="text/css")


@pages.get("/_pages/labels.css")
def label_colors(visit: Visit) -> Response:
    """A class for each colour in the query: `c-d73a4a`."""
    wanted = [color for name in visit.query for color in name.split("-") if is_color(color)][:200]
    rules = [f".c-{color}{{background:#{color};color:{_ink(color)}}}" for color in wanted]
    return Response("\n".join(rules), 200, _CACHED, media_type="text/css")


def _ink(color: str) -> str:
    """Black or white, whichever is easier to read on that colour."""
    red, green, blue = (int(color[at : at + 2], 16) for at in (0, 2, 4))
    return "#fff" if red * 0.299 + green * 0.587 + blue * 0.114 < 140 else "#1b1f24"


@pages.get("/avatars/u/{user_id:int}")
def avatar(visit: Visit) -> Response:
    """A picture of somebody: their first letter on a colour of their own; bots have corners."""
    user = visit.hub.store.one(User, "SELECT * FROM users WHERE id = ?", visit.parameters["user_id"])
    if user is None:
        raise not_found()
    hue = (sum(map(ord, user.login)) * 47) % 360 / 360
    red, green, blue = (round(part * 255) for part in colorsys.hls_to_rgb(hue, 0.42, 0.38))
    letter = html.escape((re.sub(r"\W", "", user.login) or "?")[0].upper())
    corner = 9 if user.type == "Bot" else 20
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="{corner}"'
        f' fill="rgb({red},{green},{blue})"/><text x="20" y="27" font-family="system-ui,sans-serif" font-size="20"'
        f' font-weight="600" fill="#fff" text-anchor="middle">{letter}</text></svg>'
    )
    return Response(drawing, 200, {"cache-control": "public, max-age=3600"}, media_type="image/svg+xml")
