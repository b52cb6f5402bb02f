"""A localhub process, its people and its App; a receiver of webhooks; and waiting for what must come."""

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.nursery import nursery

Found = TypeVar("Found")
SECRET = "a webhook's secret"
APP_ID = 1001
ROLES = {"rita": "read", "tom": "triage", "wendy": "write", "mary": "maintain"}
FILES = {"README.md": "# tally\n", "tally/core.py": "def total(numbers):\n    return sum(numbers)\n"}
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE_PEM = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC_PEM = (
    _KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)


def wait_for(what: str, look: Callable[[], Found | None], seconds: float = 15.0) -> Found:
    """What `look` answers once it is truthy; fails with `what` when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)


@dataclass(frozen=True)
class Delivered:
    """One webhook as it arrived."""

    event: str
    guid: str
    payload: dict[str, Any]
    headers: dict[str, str]
    signed: bool

    @property
    def name(self) -> str:
        action = self.payload.get("action")
        return f"{self.event}.{action}" if action else self.event


@dataclass
class Receiver:
    """A tiny web server that keeps what it is sent and answers `status`."""

    status: int = 202
    got: list[Delivered] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.got.append(
                    Delivered(
                        headers["x-github-event"],
                        headers["x-github-delivery"],
                        json.loads(body),
                        headers,
                        hmac.compare_digest(expected, headers.get("x-hub-signature-256", "")),
                    )
                )
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def named(self, name: str) -> list[Delivered]:
        return [delivered for delivered in self.got if delivered.name == name]

    def names(self) -> list[str]:
        return [delivered.name for delivered in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Localhub:
    """A localhub process in a directory of its own; it can be killed and started again."""

    def __init__(self, directory: Path, port: int = 0, bind: str = "127.0.0.1", *, warm: bool = True) -> None:
        """`warm`: it is started from a nursery, which is not in a namespace that the caller has entered since."""
        self._warm = warm
        self.directory = directory
        self.port = port
        self.bind = bind
        self.process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(timeout=20, trust_env=False)
        self.tokens: dict[str, str] = {}
        self.repository = "acme/tally"
        self.installation_id = 0
        self.bot_id = 0
        self.start()

    def start(self) -> None:
        (self.directory / "url").unlink(missing_ok=True)
        place = ["--dir", str(self.directory), "--port", str(self.port), "--bind", self.bind]
        if self._warm:
            self.process = nursery().starts("bot.localhub", place, dict(os.environ), Path(os.devnull))
        else:
            self.process = subprocess.Popen([sys.executable, "-m", "bot.localhub", *place], stderr=subprocess.DEVNULL)
        url = wait_for("localhub's url", self._read_url, seconds=60)
        self.port = int(url.rpartition(":")[2])
        self.url = url

    def _read_url(self) -> str | None:
        assert self.process is not None
        assert self.process.poll() is None, "localhub ended"
        path = self.directory / "url"
        return path.read_text().strip() if path.exists() else None

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(signal_number)
        return self.process.wait(10)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.http.close()

    @property
    def api(self) -> str:
        return f"{self.url}/api/v3"

    def control(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, f"{self.url}/_localhub{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def user(self, login: str) -> None:
        self.tokens[login] = self.control("POST", "/users", {"login": login})["token"]

    def found_company(self, repository: str) -> None:
        """acme owns the repository; rita reads, tom triages, wendy writes, mary maintains; sam is a stranger."""
        for login in ("acme", *ROLES, "sam"):
            self.user(login)
        owner, _, name = repository.partition("/")
        self.control("POST", "/repositories", {"owner": owner, "name": name, "files": FILES})
        for login, role in ROLES.items():
            body = {"login": login, "role_name": role}
            self.control("POST", f"/repositories/{repository}/collaborators", body)
        self.repository = repository

    def install_app(self, webhook_url: str | None, repositories: list[str]) -> None:
        made = self.control(
            "POST",
            "/apps",
            {
                "app_id": APP_ID,
                "slug": "issuewright",
                "name": "Issuewright",
                "public_key": PUBLIC_PEM,
                "webhook_url": webhook_url,
                "webhook_secret": SECRET,
                "repositories": repositories,
            },
        )
        self.installation_id, self.bot_id = made["installation_id"], made["bot"]["id"]

    def bot_token(self, **options: object) -> str:
        answer = self.http.post(
            f"{self.api}/app/installations/{self.installation_id}/access_tokens",
            headers={"authorization": f"Bearer {app_jwt()}"},
            json=options,
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def call(
        self, method: str, path: str, token: str | None = None, body: object = None, **options: Any
    ) -> httpx.Response:
        """A request to the REST API, `path` from the repository on unless it begins with //."""
        url = self.api + (path[1:] if path.startswith("//") else f"/repos/{self.repository}{path}")
        headers = {"authorization": f"token {token}"} if token else {}
        return self.http.request(method, url, json=body, headers=headers, **options)

    def by(self, login: str, method: str, path: str, body: object = None, status: int | None = None) -> Any:
        """A person's request; answers its JSON and checks the status (success unless named)."""
        answer = self.call(method, path, self.tokens[login], body)
        expected = status if status is not None else range(200, 300)
        assert answer.status_code in (expected if isinstance(expected, range) else (expected,)), answer.text
        return answer.json() if answer.content else None

    def remote(self, token: str | None) -> str:
        secret = f"x-access-token:{token}@" if token else ""
        return self.url.replace("http://", f"http://{secret}") + f"/{self.repository}.git"


def app_jwt(app_id: int = APP_ID, key: str = PRIVATE_PEM, seconds: int = 300) -> str:
    now = int(time.time())
    return jwt.encode({"iat": now - 30, "exp": now + seconds, "iss": str(app_id)}, key, algorithm="RS256")


def git(directory: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run git as a person would, without anybody's configuration."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ann",
        "GIT_AUTHOR_EMAIL": "ann@example.com",
        "GIT_COMMITTER_NAME": "Ann",
        "GIT_COMMITTER_EMAIL": "ann@example.com",
        "LC_ALL": "C",
    }
    done = subprocess.run(["git", *arguments], cwd=directory, env=environment, capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stderr
    return done


def push_change(hub: Localhub, work: Path, token: str, branch: str, path: str, text: str) -> str:
    """Commit one file on a branch (made from main when it is new) and push it; answers the commit."""
    clone = work / "clone"
    if not clone.exists():
        git(work, "clone", "-q", hub.remote(token), "clone")
    git(clone, "remote", "set-url", "origin", hub.remote(token))
    git(clone, "fetch", "-q", "origin")
    known = git(clone, "branch", "--list", branch).stdout.strip()
    git(clone, "checkout", "-q", *([branch] if known else ["-b", branch, "origin/main"]))
    target = clone / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", f"Change {path}")
    git(clone, "push", "-q", "origin", branch)
    return git(clone, "rev-parse", "HEAD").stdout.strip()
