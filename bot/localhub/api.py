"""From HTTP to a plain function: a route's function gets a `Call`, answers JSON, and runs in one transaction."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bot.localhub.auth import Caller, need
from bot.localhub.controls import lag_seconds
from bot.localhub.errors import ApiError
from bot.localhub.hub import Hub
from bot.localhub.people import Role
from bot.localhub.records import Actor, Repo
from bot.localhub.view import View

Item = TypeVar("Item")
Json = dict[str, Any]
MOST_PER_PAGE = 100
PREFIX = "/api/v3"
_log = logging.getLogger(__name__)


@dataclass
class Answer:
    """What to send back when it is not simply 200 and JSON; `content` bytes are sent as they are."""

    content: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """One request to the API, read and identified."""

    hub: Hub
    caller: Caller
    view: View
    method: str
    path: str
    parameters: dict[str, Any]
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes
    links: dict[str, str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        """Who is doing this; 401 for nobody."""
        return self.caller.actor

    @property
    def number(self) -> int:
        """The `{number}` in the path."""
        return int(self.parameters["number"])

    def repo(self, role: Role = Role.READ, resource: str = "metadata", level: str = "read") -> Repo:
        """The repository in the path, provided that the caller may do this to it."""
        repo = self.hub.repo_named(self.parameters["owner"], self.parameters["repo"])
        need(self.hub, self.caller, repo, role, resource, level)
        return repo

    def payload(self) -> Any:
        """The request's JSON, an empty object without a body; 400 when it is none."""
        if not self.raw.strip():
            return {}
        try:
            return json.loads(self.raw)
        except ValueError:
            raise ApiError(400, "Problems parsing JSON") from None

    def body(self) -> Json:
        """The request's JSON object."""
        value = self.payload()
        if not isinstance(value, dict):
            raise ApiError(400, "Body should be a JSON object")
        return value

    def until(self) -> float:
        """The moment up to which lists show what was made: now, or earlier when they lag."""
        return time.time() - lag_seconds(self.hub.store, self.path)

    def page(self, items: Iterable[Item], show: Callable[[Item], Any]) -> list[Any]:
        """The asked-for page of a list, shown; notes the links to its neighbours."""
        everything = list(items)
        size = min(max(_whole(self.query.get("per_page"), 30), 1), MOST_PER_PAGE)
        page = max(_whole(self.query.get("page"), 1), 1)
        last = max((len(everything) + size - 1) // size, 1)
        neighbours = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        for name, target in neighbours.items():
            backwards = name in ("prev", "first")
            if (backwards and page > 1) or (not backwards and page < last):
                query = urlencode({**self.query, "page": str(target)})
                self.links[name] = f"{self.view.base}{self.path}?{query}"
        return [show(item) for item in everything[(page - 1) * size : page * size]]


def _whole(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdigit() else default


Handler = Callable[[Call], Any]


@dataclass(frozen=True)
class Route:
    """Where a function is served; see `Routes.add`."""

    method: str
    path: str
    handler: Handler
    status: int
    moves_refs: bool


class Routes:
    """The routes of one file, to be mounted together."""

    def __init__(self) -> None:
        self.all: list[Route] = []

    def add(self, method: str, path: str, status: int = 200, moves_refs: bool = False) -> Callable[[Handler], Handler]:
        """Register the decorated function; `moves_refs` holds the repository's ref lock around it."""

        def register(handler: Handler) -> Handler:
            self.all.append(Route(method, path, handler, status, moves_refs))
            return handler

        return register

    def get(self, path: str) -> Callable[[Handler], Handler]:
        """Register a GET."""
        return self.add("GET", path)


def mount(app: Starlette, hub: Hub, routes: Routes, prefix: str = PREFIX) -> None:
    """Serve these routes under `prefix`."""
    for route in routes.all:
        app.add_route(prefix + route.path, _endpoint(hub, route), methods=[route.method])


def _endpoint(hub: Hub, route: Route) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        if not route.moves_refs:
            return await run_in_threadpool(_perform, hub, route, request, raw)
        async with hub.ref_lock(request.path_params["owner"], request.path_params["repo"]):
            return await run_in_threadpool(_perform, hub, route, request, raw)

    return endpoint


def _perform(hub: Hub, route: Route, request: Request, raw: bytes) -> Response:
    caller: Caller = request.scope["localhub.caller"]
    base = f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
    call = Call(
        hub=hub,
        caller=caller,
        view=View(hub, base),
        method=request.method,
        path=request.url.path,
        parameters=dict(request.path_params),
        query=dict(request.query_params),
        headers={name.lower(): value for name, value in request.headers.items()},
        raw=raw,
    )
    try:
        return _transact(hub, route, call)
    except ApiError as problem:
        return json_response(problem.body(), problem.status, problem.headers)
    except UnicodeEncodeError:  # half a surrogate pair is JSON, but no text
        return json_response({"message": "Problems parsing JSON"}, 400)
    except Exception:
        _log.exception("%s %s", call.method, call.path)
        return json_response({"message": "Server Error"}, 500)


def _transact(hub: Hub, route: Route, call: Call) -> Response:
    with hub.store.transaction():
        result = route.handler(call)
        answer = result if isinstance(result, Answer) else Answer(result, route.status)
        if answer.content is None or isinstance(answer.content, bytes):
            body, kind = answer.content or b"", answer.headers.pop("content-type", None)
        else:
            body, kind = json.dumps(answer.content).encode(), "application/json; charset=utf-8"
    headers = {"x-github-media-type": "github.v3; format=json", **answer.headers}
    if call.links:
        headers["link"] = ", ".join(f'<{url}>; rel="{name}"' for name, url in call.links.items())
    if call.method == "GET" and answer.status == 200:
        tag = f'W/"{hashlib.sha256(body + headers.get("link", "").encode()).hexdigest()}"'
        headers |= {"etag": tag, "cache-control": "private, max-age=60, s-maxage=60"}
        if tag in call.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
    return Response(body, answer.status, headers, media_type=kind)


def json_response(content: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer outside a route."""
    return Response(json.dumps(content).encode(), status, headers, media_type="application/json; charset=utf-8")
