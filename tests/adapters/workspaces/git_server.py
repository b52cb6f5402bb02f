"""A real git server for these tests: `git http-backend` over bare repositories, behind Basic auth."""

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

PERSON = {
    **{f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in
       (("NAME", "Mona"), ("EMAIL", "mona@example.com"), ("DATE", "@1700000000 +0000"))},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


def git(*arguments: str, cwd: Path | str, stdin: bytes | None = None) -> str:
    """What a person's own git prints, without the newline at its end."""
    done = subprocess.run(["git", *arguments], cwd=cwd, input=stdin, env={**os.environ, **PERSON}, capture_output=True)
    if done.returncode:
        raise AssertionError(f"git {arguments} failed: {done.stderr.decode()}")
    return done.stdout.decode(errors="surrogateescape").rstrip("\n")


@dataclass
class GitServer:
    """The server's repositories lie in `root/<owner>/<name>.git`; `answer` set to a status refuses everything, in
    these `words`."""

    root: Path
    token: str
    url: str = ""
    requests: list[str] = field(default_factory=list)
    answer: int | None = None
    words: bytes = b"no\n"

    def repository(self, full_name: str) -> Path:
        """The bare repository's directory."""
        return self.root / f"{full_name}.git"

    def create(self, full_name: str, files: dict[str, str | None]) -> str:
        """A repository with one commit on `main`; returns the commit."""
        path = self.repository(full_name)
        git("init", "--quiet", "--bare", "--initial-branch=main", str(path), cwd="/")
        for key, value in {"http.receivepack": "true", "uploadpack.allowAnySHA1InWant": "true"}.items():
            git("config", key, value, cwd=path)
        return self.commit(full_name, "main", files, parent=None)

    def commit(self, full_name: str, branch: str, files: dict[str, str | None], parent: str | None = "") -> str:
        """A person's commit on a branch (default parent: its head); a file's text of None removes the file."""
        path = self.repository(full_name)
        if parent == "":
            parent = git("rev-parse", f"refs/heads/{branch}", cwd=path)
        index = path / "person.index"
        index.unlink(missing_ok=True)
        environment = {**os.environ, **PERSON, "GIT_INDEX_FILE": str(index)}

        def run(*arguments: str, stdin: bytes = b"") -> str:
            done = subprocess.run(["git", *arguments], cwd=path, input=stdin, env=environment, capture_output=True)
            assert done.returncode == 0, done.stderr
            return done.stdout.decode().strip()

        if parent:
            run("read-tree", parent)
        for name, text in files.items():
            if text is None:
                run("update-index", "--force-remove", "--", name)
            else:
                blob = run("hash-object", "-w", "--stdin", stdin=text.encode())
                run("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
        tree = run("write-tree")
        sha = run("commit-tree", tree, *(["-p", parent] if parent else []), "-m", "by a person")
        run("update-ref", f"refs/heads/{branch}", sha)
        return sha

    def head(self, full_name: str, branch: str) -> str | None:
        """The branch's head as the server has it."""
        refs = git("for-each-ref", "--format=%(objectname) %(refname)", cwd=self.repository(full_name)).splitlines()
        return next((line.split()[0] for line in refs if line.endswith(f" refs/heads/{branch}")), None)

    def hook(self, full_name: str, name: str, script: str) -> None:
        """Install a server-side hook, e.g. a rule that refuses a push."""
        hook = self.repository(full_name) / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)


@contextmanager
def serving(root: Path, token: str) -> Iterator[GitServer]:
    """A running server on a free port of loopback."""
    server = GitServer(root, token)
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


def _handler(server: GitServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, format: str, *arguments: object) -> None:
            """Silence: the tests read `server.requests`."""

        def _serve(self) -> None:
            body = self._body()
            server.requests.append(f"{self.command} {self.path}")
            credentials = f"x-access-token:{server.token}".encode()
            if server.answer is not None:
                self._answer(server.answer, [("Content-Type", "text/plain")], server.words)
            elif self.headers.get("Authorization") != f"Basic {base64.b64encode(credentials).decode()}":
                self._answer(401, [("WWW-Authenticate", 'Basic realm="git"')], b"who are you?\n")
            else:
                self._backend(body)

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _backend(self, body: bytes) -> None:
            parts = urlsplit(self.path)
            environment = {
                "PATH": os.environ["PATH"],
                **PERSON,
                "GIT_PROJECT_ROOT": str(server.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REMOTE_USER": "bot",
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = [tuple(line.split(": ", 1)) for line in head.decode().splitlines()]
            status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
            self._answer(status, [(name, value) for name, value in fields if name != "Status"], content)

        def _answer(self, status: int, fields: list[tuple[str, str]], content: bytes) -> None:
            try:
                self.send_response(status)
                for name, value in fields:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True  # the client was killed: that is what some of the tests do

    return Handler
