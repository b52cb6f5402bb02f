"""The demo's directory: every path, setting and key in it, and the pointer by which `demo say` finds it."""

import json
import os
import secrets
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.domain.agents import AgentSetting
from bot.domain.errors import UserError
from bot.domain.values import Value

APP_ID = 1001
APP_SLUG = "issuewright"
BOT_LOGIN = f"{APP_SLUG}[bot]"
OWNER, NAME = "acme", "tally"
MAINTAINER, REPORTER = "maintainer", "reporter"


class Record(Value):
    """What `demo say`, and anyone who looks on, needs to know about a demo: `demo.json` in its directory."""

    hub_url: str
    webhook_url: str
    owner: str = OWNER
    name: str = NAME
    issue: int | None = None
    tokens: dict[str, str]

    @property
    def api_url(self) -> str:
        """Where localhub answers GitHub's REST API."""
        return f"{self.hub_url}/api/v3"


class Home:
    """The directory of one demo. `Home(path)` only names it; `create` makes it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.settings_file = self.path / "service.toml"
        self.private_key_file = self.path / "app.pem"
        self.record_file = self.path / "demo.json"
        self.script_file = self.path / "demo-script.yml"
        self.service_pid_file = self.path / "service.pid"
        self.hub_pid_file = self.path / "localhub.pid"
        self.hub_folder = self.path / "localhub"
        self.logs = self.path / "logs"
        self.agent_calls_file = self.path / "agent-calls.jsonl"
        self.attempts = self.path / "data" / "attempts"

    def create(self) -> None:
        """Make the directory, for this user alone; raises UserError when it already holds a demo."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.settings_file.exists() or self.hub_folder.exists():
            raise UserError(f"{self.path} already holds a demo; give another --dir, or remove it first.")
        if not any(self.path.iterdir()):
            self.path.chmod(0o700)  # It was there before us, empty; a filled one keeps the mode it has.
        for folder in (self.hub_folder, self.logs, self.path / "people", self.path / "data"):
            folder.mkdir(mode=0o700)

    def new_record(self, hub_port: int, webhook_port: int) -> Record:
        """Fresh tokens for everybody and the two ports (0: any free one), written down."""
        tokens = {login: f"ghp_{login}{secrets.token_hex(12)}" for login in (OWNER, MAINTAINER, REPORTER)}
        hub_port, webhook_port = hub_port or free_port(), webhook_port or free_port()
        record = Record(
            hub_url=f"http://127.0.0.1:{hub_port}",
            webhook_url=f"http://127.0.0.1:{webhook_port}/webhook",
            tokens=tokens,
        )
        for login, token in tokens.items():
            write_private(self.header_file(login), f"Authorization: Bearer {token}\n")
        self.save(record)
        return record

    def header_file(self, login: str) -> Path:
        """A file with the person's Authorization header, for `curl -H @FILE`: no token in any argv."""
        return self.path / "people" / f"{login}.header"

    def save(self, record: Record) -> None:
        """Write `demo.json`."""
        write_private(self.record_file, record.model_dump_json(indent=2) + "\n")

    def record(self) -> Record:
        """Read `demo.json`; raises UserError when there is no demo here."""
        try:
            return Record.model_validate_json(self.record_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"There is no demo in {self.path}.") from None

    def write_settings(
        self, record: Record, webhook_secret: str, agent: str, agent_settings: Mapping[str, Mapping[str, AgentSetting]]
    ) -> None:
        """Write `service.toml`, from which `issuewright serve --dir` takes everything it needs."""
        settings: dict[str, Any] = {
            "github_api_url": record.api_url,
            "app_id": APP_ID,
            "private_key_file": self.private_key_file.name,
            "webhook_secret": webhook_secret,
            "listen": record.webhook_url.removeprefix("http://").removesuffix("/webhook"),
            "repositories": [f"{record.owner}/{record.name}"],
            "data_dir": "data",
            "agent_calls_file": self.agent_calls_file.name,
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]  # JSON's are TOML's here.
        lines += ["", "[agents]", f"default = {json.dumps(agent)}"]
        for name, own in agent_settings.items():
            lines += ["", f"[agents.settings.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in own.items())]
        write_private(self.settings_file, "\n".join(lines) + "\n")

    def webhook_secret(self) -> str:
        """The secret that localhub signs with, from `service.toml`."""
        settings = tomllib.loads(self.settings_file.read_text(encoding="utf-8"))
        secret: str = settings["webhook_secret"]
        return secret

    def write_private_key(self) -> str:
        """Generate the App's RSA key, keep it in `app.pem`, and return the public half as PEM."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        write_private(self.private_key_file, private.decode())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return public.decode()


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by this user alone."""
    draft = path.with_name(path.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Pointer:
    """A small file in the user's cache that names the demo that runs, so that `demo say` needs no --dir."""

    def __init__(self, file: Path | None = None) -> None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        self.file = file or cache / "issuewright" / "demo"

    def point_at(self, home: Home) -> None:
        """Remember this demo. A cache that cannot be written only costs the convenience."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_private(self.file, f"{home.path}\n")
        except OSError:
            return

    def home(self) -> Home:
        """The demo that runs; raises UserError when none is known."""
        try:
            return Home(Path(self.file.read_text(encoding="utf-8").strip()))
        except OSError:
            raise UserError("No demo is running here; start one, or name its directory with --dir.") from None

    def forget(self, home: Home) -> None:
        """Drop the pointer, unless it names another demo by now."""
        try:
            if self.home().path == home.path:
                self.file.unlink(missing_ok=True)
        except (OSError, UserError):
            return
