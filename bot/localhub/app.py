"""The web application: API, git and control, behind the gateway."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from bot.localhub import api, git_http, graphql
from bot.localhub.control import api_error_answer, control_router
from bot.localhub.courier import Courier
from bot.localhub.errors import ApiError, not_found
from bot.localhub.gateway import Gateway, RequestLog
from bot.localhub.hub import Hub
from bot.localhub.pages.mounting import PageRoutes
from bot.localhub.recording import Recorder, Recording
from bot.localhub.rest import ROUTES


def build_app(
    hub: Hub,
    hang_up: Callable[[Scope], None],
    cut_others: Callable[[Scope], int],
    recording: Recording | None = None,
) -> ASGIApp:
    """The hub as an ASGI application; `hang_up` closes the connection of a request without an answer, `cut_others`
    all connections but that one."""
    log = RequestLog(hub.directory / "requests.jsonl")

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        courier = Courier(hub, recording)
        app.include_router(control_router(hub, courier, log, cut_others))
        _mount_api(app, hub)
        delivering = asyncio.create_task(courier.run())
        try:
            yield
        finally:
            delivering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await delivering

    app = FastAPI(title="localhub", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False
    app.add_exception_handler(ApiError, api_error_answer)
    app.add_exception_handler(HTTPException, _http_error)
    gateway = Gateway(app, hub, log, hang_up)
    return gateway if recording is None else Recorder(gateway, recording)


def _mount_api(app: FastAPI, hub: Hub) -> None:
    for routes in ROUTES:
        api.mount(app, hub, routes)
    api.mount(app, hub, graphql.routes, "/api")
    git_http.mount(app, hub)
    app.router.routes.append(PageRoutes(hub))


def _http_error(request: Request, problem: Exception) -> Response:
    """GitHub knows no 405 for what it does not serve."""
    assert isinstance(problem, HTTPException)
    if problem.status_code in (404, 405):
        return api.json_response(not_found().body(), 404)
    return api.json_response({"message": problem.detail}, problem.status_code)
