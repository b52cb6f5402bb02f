"""From HTTP to a page: a view gets a `Visit`, answers HTML or a redirect, and runs in one transaction."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bot.localhub.auth import Caller, may, need
from bot.localhub.errors import ApiError, not_found
from bot.localhub.hub import Hub
from bot.localhub.pages import rendering, session
from bot.localhub.pages.session import Session
from bot.localhub.people import Role
from bot.localhub.records import Actor, Repo, User
from bot.localhub.view import View

MOST_BYTES = 1_000_000
_log = logging.getLogger(__name__)


@dataclass
class Visit:
    """One request for a page, read and identified."""

    hub: Hub
    view: View
    session: Session
    is_local: bool
    path: str
    parameters: dict[str, Any]
    query: dict[str, str]
    form: dict[str, list[str]]
    renew: Session | None = field(default=None)

    @property
    def user(self) -> User | None:
        """Who is signed in."""
        return self.session.user

    @property
    def caller(self) -> Caller:
        """The same, as the API knows callers."""
        return Caller("person", self.user) if self.user else Caller()

    @property
    def actor(self) -> Actor:
        """Who does what a form asks for; 401 for nobody."""
        return self.caller.actor

    @property
    def number(self) -> int:
        """The `{number}` in the path."""
        return int(self.parameters["number"])

    def repo(self, role: Role = Role.READ, resource: str = "metadata", level: str = "read") -> Repo:
        """The repository in the path, provided that the visitor may do this to it."""
        repo = self.hub.repo_named(self.parameters["owner"], self.parameters["name"])
        need(self.hub, self.caller, repo, role, resource, level)
        return repo

    def may(self, repo: Repo, role: Role) -> bool:
        """Whether somebody with that role is signed in."""
        return self.user is not None and may(self.hub, self.caller, repo, role, "metadata", "read")

    def said(self, name: str) -> str:
        """A field of the form, empty when it is absent."""
        return self.form.get(name, [""])[0]

    def whole(self, name: str) -> int:
        """A number in the form, 0 when it is absent or none."""
        said = self.said(name)
        return int(said) if said.isascii() and said.isdigit() and len(said) < 16 else 0

    def page(self, template: str, title: str, answer: int = 200, **values: Any) -> Response:
        """A page from `templates/localhub/`."""
        html = rendering.render(self, template, title=title, **values)
        return HTMLResponse(html, answer)


def place(*parts: object) -> str:
    """A path on the hub from names that may hold anything."""
    return "/" + "/".join(quote(str(part)) for part in parts)


def go(target: str) -> Response:
    """Send the browser on, to a path on the hub and nowhere else."""
    split = urlsplit(target)
    safe = target.startswith("/") and not target.startswith(("//", "/\\")) and not split.netloc
    return RedirectResponse(target if safe else "/", 303)


Handler = Callable[[Visit], Response]


@dataclass(frozen=True)
class _Page:
    method: str
    path: str
    handler: Handler
    moves_refs: bool


class Pages:
    """The pages of one file, to be mounted together."""

    def __init__(self) -> None:
        self.all: list[_Page] = []

    def get(self, path: str) -> Callable[[Handler], Handler]:
        """Register a page to read."""
        return self._add("GET", path, moves_refs=False)

    def post(self, path: str, moves_refs: bool = False) -> Callable[[Handler], Handler]:
        """Register what a form does; `moves_refs` holds the repository's ref lock around it."""
        return self._add("POST", path, moves_refs)

    def _add(self, method: str, path: str, moves_refs: bool) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.all.append(_Page(method, path, handler, moves_refs))
            return handler

        return register


def mount(app: Starlette, hub: Hub, pages: Pages) -> None:
    """Serve these pages."""
    for page in pages.all:
        app.add_route(page.path, _endpoint(hub, page), methods=[page.method])


def _endpoint(hub: Hub, page: _Page) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        raw = b""
        if page.method == "POST":
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > MOST_BYTES:
                    return Response("Too much", 413)
        if not page.moves_refs:
            return await run_in_threadpool(_perform, hub, page, request, raw)
        async with hub.ref_lock(request.path_params["owner"], request.path_params["name"]):
            return await run_in_threadpool(_perform, hub, page, request, raw)

    return endpoint


def _perform(hub: Hub, page: _Page, request: Request, raw: bytes) -> Response:
    base = f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
    with hub.store.transaction():
        visit = Visit(
            hub=hub,
            view=View(hub, base),
            session=session.resume(hub, request),
            is_local=session.is_local(request),
            path=request.url.path,
            parameters=dict(request.path_params),
            query=dict(request.query_params),
            form=parse_qs(raw.decode(errors="replace"), keep_blank_values=True, max_num_fields=1000),
        )
    try:
        answer = _answer(hub, page, visit)
    except ApiError as problem:
        answer = _refusal(hub, visit, problem.status, problem.message, problem.errors)
    except Exception:
        _log.exception("%s %s", page.method, visit.path)
        answer = _refusal(hub, visit, 500, "Something went wrong; localhub.log says what.", None)
    for name, value in rendering.HEADERS.items():
        answer.headers.setdefault(name, value)
    current = visit.renew or visit.session
    if current.is_new and isinstance(answer, HTMLResponse | RedirectResponse):
        answer.set_cookie(session.cookie_name(request), current.cookie, httponly=True, samesite="lax")
    return answer


def _answer(hub: Hub, page: _Page, visit: Visit) -> Response:
    if page.method == "POST":
        if not visit.is_local:
            raise ApiError(403, "Forms work in a browser on the machine that localhub runs on")
        if not visit.session.holds(visit.said("token")):
            raise ApiError(403, "This form is not from your visit, or it is too old. Reload the page and try again.")
    with hub.store.transaction():
        return page.handler(visit)


def _refusal(hub: Hub, visit: Visit, status: int, message: str, errors: list[Any] | None) -> Response:
    details = [
        str(error.get("message") or _plain(error)) if isinstance(error, dict) else str(error) for error in errors or []
    ]
    with hub.store.transaction():
        return visit.page("refusal.html.j2", message, status, status=status, message=message, details=details)


def _plain(error: dict[str, Any]) -> str:
    return " ".join(str(error[name]).replace("_", " ") for name in ("field", "code") if name in error)


def lost(visit: Visit) -> Response:
    """No such page."""
    raise not_found()
