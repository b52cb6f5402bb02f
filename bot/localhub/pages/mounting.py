"""All pages, behind everything else that the hub serves."""

from starlette.applications import Starlette
from starlette.routing import Match, Mount
from starlette.types import Scope

from bot.localhub.hub import Hub
from bot.localhub.pages import checks, code, front, history, issues, pulls, reviewing
from bot.localhub.pages.visit import Pages, lost, mount

_OTHERS = ("/api/", "/_localhub/")
_ALL: tuple[Pages, ...] = (
    front.pages,
    issues.pages,
    pulls.pages,
    reviewing.pages,
    checks.pages,
    history.pages,
    code.pages,
)


class PageRoutes(Mount):
    """The pages' part of the hub: never the API's, whatever a repository is called."""

    def __init__(self, hub: Hub) -> None:
        app = Starlette()
        app.router.redirect_slashes = False
        for pages in _ALL:
            mount(app, hub, pages)
        rest = Pages()
        rest.get("/{rest:path}")(lost)
        mount(app, hub, rest)
        super().__init__("", app=app)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the request is for a page."""
        if scope["type"] != "http" or scope["path"].startswith(_OTHERS):
            return Match.NONE, {}
        return super().matches(scope)
