"""Git over HTTP, by git's own `http-backend`: bodies are streamed, pushes take effect before they are answered."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from bot.localhub.auth import Caller, may, may_see
from bot.localhub.errors import ApiError
from bot.localhub.git import git_environment
from bot.localhub.hub import Hub
from bot.localhub.people import Role
from bot.localhub.pushes import record_push
from bot.localhub.records import Actor, Repo

_SERVICE = re.compile(r"(info/refs|git-upload-pack|git-receive-pack)\Z")
_CHUNK = 65536


@cache
def http_backend() -> str:
    """Where git keeps the program that speaks HTTP."""
    found = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    return str(Path(found) / "git-http-backend")


@cache
def with_us() -> tuple[str, ...]:
    """What stands before a command that is to end with this process. Left alone, git's server waits for ever, and at
    full speed, for the rest of a request that nobody will send."""
    words = ("setpriv", "--pdeathsig", "KILL")
    there = shutil.which(words[0]) and subprocess.run([*words, "true"], capture_output=True).returncode == 0
    return words if there else ()


def mount(app: Starlette, hub: Hub) -> None:
    """Serve every repository at /OWNER/NAME.git."""

    async def endpoint(request: Request) -> Response:
        return await _serve(hub, request)

    app.add_route("/{owner}/{name}.git/{service:path}", endpoint, methods=["GET", "POST"])


async def _serve(hub: Hub, request: Request) -> Response:
    service = request.path_params["service"]
    if not _SERVICE.match(service):
        return Response("Not Found", 404)
    is_push = service == "git-receive-pack" or request.query_params.get("service") == "git-receive-pack"
    caller: Caller = request.scope["localhub.caller"]
    try:
        repo = await run_in_threadpool(_admit, hub, caller, request.path_params, is_push)
    except ApiError as problem:
        headers = {"www-authenticate": 'Basic realm="GitHub"'} if problem.status == 401 else {}
        return Response(problem.message + "\n", problem.status, headers, media_type="text/plain")
    if service == "git-receive-pack":
        return await _push(hub, repo, caller.actor, request)
    backend = _Backend(hub, repo, request, caller)
    return await backend.stream()


def _admit(hub: Hub, caller: Caller, names: dict[str, str], is_push: bool) -> Repo:
    """The repository, if this caller may read it or push to it."""
    with hub.store.transaction():
        anonymous = ApiError(401, "Authentication required")
        try:
            repo = hub.repo_named(names["owner"], names["name"])
        except ApiError:
            raise anonymous if caller.kind == "anonymous" else ApiError(404, "Repository not found.") from None
        if not may_see(hub, caller, repo):
            raise anonymous if caller.kind == "anonymous" else ApiError(404, "Repository not found.")
        role, level = (Role.WRITE, "write") if is_push else (Role.READ, "read")
        if not may(hub, caller, repo, role, "contents", level):
            if caller.kind == "anonymous":
                raise anonymous
            raise ApiError(403, f"Permission to {repo.full_name}.git denied to {caller.login}.")
        return repo


async def _push(hub: Hub, repo: Repo, by: Actor, request: Request) -> Response:
    """Receive a push, let it take effect, and only then say so."""
    async with hub.ref_lock(repo.owner, repo.name):
        await run_in_threadpool(_note_pusher, hub, repo, by)
        backend = _Backend(hub, repo, request, Caller("person", by.user))
        try:
            return await backend.collect()
        finally:
            # Also when the client went away: what git took in has happened.
            await asyncio.shield(run_in_threadpool(_take_effect, hub, repo, by))


def _note_pusher(hub: Hub, repo: Repo, by: Actor) -> None:
    with hub.store.transaction():
        hub.store.run("INSERT OR REPLACE INTO open_pushes VALUES (?, ?)", repo.id, by.user.id)


def _take_effect(hub: Hub, repo: Repo, by: Actor) -> None:
    with hub.store.transaction():
        record_push(hub, repo, by)
        hub.store.run("DELETE FROM open_pushes WHERE repo_id = ?", repo.id)


def recover_pushes(hub: Hub) -> None:
    """At start: let pushes take effect that git took in just before the hub was killed."""
    with hub.store.transaction():
        repos = hub.store.all(Repo, "SELECT * FROM repositories")
        for repo in repos:
            user_id = hub.store.value("SELECT user_id FROM open_pushes WHERE repo_id = ?", repo.id)
            by = Actor(hub.user(user_id if user_id is not None else repo.owner_id))
            record_push(hub, repo, by)
        hub.store.run("DELETE FROM open_pushes")


class _Backend:
    """One run of http-backend as a CGI program."""

    def __init__(self, hub: Hub, repo: Repo, request: Request, caller: Caller) -> None:
        self._request = request
        headers = request.headers
        place = f"/{repo.owner}/{repo.name}.git/{request.path_params['service']}"
        variables = {
            "GIT_PROJECT_ROOT": str((hub.directory / "repos").absolute()),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GATEWAY_INTERFACE": "CGI/1.1",
            "REQUEST_METHOD": request.method,
            "PATH_INFO": place,
            "QUERY_STRING": request.url.query,
            "CONTENT_TYPE": headers.get("content-type", ""),
            "REMOTE_USER": caller.login or "",
            "REMOTE_ADDR": request.client.host if request.client else "",
            # http-backend unpacks gzip bodies itself when it is told.
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        }
        if "content-length" in headers:
            variables["CONTENT_LENGTH"] = headers["content-length"]
        if "git-protocol" in headers:
            variables["GIT_PROTOCOL"] = headers["git-protocol"]
        self._environment = git_environment(variables)
        self._feeding: asyncio.Task[None] | None = None

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *with_us(),
            http_backend(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=self._environment,
        )
        self._feeding = asyncio.create_task(self._feed(process))
        return process

    async def _feed(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        try:
            async for chunk in self._request.stream():
                process.stdin.write(chunk)
                await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # git has read what it wanted
        except ClientDisconnect:
            process.kill()
        finally:
            process.stdin.close()

    async def _head(self, process: asyncio.subprocess.Process) -> tuple[int, dict[str, str]]:
        """Read the CGI header: status and headers."""
        assert process.stdout is not None
        status, headers = 200, {}
        while line := (await process.stdout.readline()).decode("latin-1").strip():
            name, _, value = line.partition(":")
            if name.lower() == "status":
                status = int(value.split()[0])
            else:
                headers[name.lower()] = value.strip()
        return status, headers

    async def stream(self) -> Response:
        """Pass git's answer on as it comes."""
        process = await self._start()
        status, headers = await self._head(process)

        async def body() -> AsyncIterator[bytes]:
            assert process.stdout is not None
            try:
                while chunk := await process.stdout.read(_CHUNK):
                    yield chunk
            finally:
                await self._finish(process)

        return StreamingResponse(body(), status, headers)

    async def collect(self) -> Response:
        """Wait for git to be done, then answer with all it said."""
        process = await self._start()
        try:
            status, headers = await self._head(process)
            assert process.stdout is not None
            return Response(await process.stdout.read(), status, headers)
        finally:
            await self._finish(process)

    async def _finish(self, process: asyncio.subprocess.Process) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
        if process.returncode is None:
            try:
                await asyncio.wait_for(process.wait(), 5)
            except TimeoutError:
                process.kill()
                await process.wait()
