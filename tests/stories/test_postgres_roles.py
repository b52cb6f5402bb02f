"""PostgreSQL as docs/how-to/postgresql.md has it: the page's own SQL, roles that can do their part alone, and TLS."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from tests.stories.service import Service
from tests.stories.world import GOOD, World
from tests.support.certificates import certify
from tests.support.nursery import ROOT
from tests.support.ports import free_port
from tests.support.postgres import start_server
from tests.support.tls_door import tls_door

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
_AS_SUPERUSER, _AS_OWNER = re.findall(
    r"```sql\n(.*?)```", (ROOT / "docs" / "how-to" / "postgresql.md").read_text(), re.DOTALL
)


class Secured:
    """A server with the page's roles, behind TLS. `another.pem` is an authority that has certified something else."""

    def __init__(self, port: int, folder: Path) -> None:
        self._port = port
        self._folder = folder

    def url(self, role: str, authority: str = "ca.pem", host: str = "127.0.0.1") -> str:
        """As the role connects who trusts that authority."""
        verified = f"sslmode=verify-full&sslrootcert={self._folder / authority}"
        return f"postgresql://issuewright_{role}:secret@{host}:{self._port}/issuewright?{verified}"


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    ours, another = certify("127.0.0.1"), certify("127.0.0.1")
    files = {"ca.pem": ours.authority, "another.pem": another.authority, "crt": ours.certificate, "key": ours.key}
    for name, pem in files.items():
        (tmp_path / name).write_bytes(pem)
    with start_server() as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as superuser:
            for statement in _AS_SUPERUSER.strip().split(";\n"):
                superuser.execute(statement)
            for role in ("owner", "worker", "webhook"):
                superuser.execute(f"ALTER ROLE issuewright_{role} PASSWORD 'secret'")
        with tls_door(server.port, tmp_path / "crt", tmp_path / "key") as port:
            yield Secured(port, tmp_path)


def issuewright(url: str, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot.entrypoints.cli", *words, "--dir", str(directory)]
    environment = {**os.environ, "ISSUEWRIGHT_DATABASE_URL": url}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_a_run_goes_its_way_under_the_roles_of_the_page(secured: Secured, tmp_path: Path) -> None:
    world = World(tmp_path / "world", secured.url("worker"))
    try:
        early = issuewright(secured.url("worker"), world.directory, "worker")
        assert early.returncode == 2
        assert "the owner runs `issuewright db migrate`" in early.stderr
        assert "Traceback" not in early.stderr
        migrated = issuewright(secured.url("owner"), world.directory, "db", "migrate")
        assert migrated.returncode == 0, migrated.stderr
        with psycopg.connect(secured.url("owner"), autocommit=True) as owner:
            owner.execute(_AS_OWNER)
        _is_served(world, secured)
        assert issuewright(secured.url("worker"), world.directory, "db", "check").stdout.strip() == "ok"
        archived = issuewright(secured.url("worker"), world.directory, "db", "archive", "--older-than", "0")
        assert "1 run(s) archived" in archived.stdout, archived.stderr
        _webhook_may_do_no_more(secured.url("webhook"))
        with psycopg.connect(secured.url("worker"), autocommit=True) as worker, pytest.raises(errors.Error):
            worker.execute("UPDATE entries SET body = ''")
    finally:
        world.close()


def test_another_authority_or_host_is_refused_in_a_sentence(secured: Secured, tmp_path: Path) -> None:
    world = World(tmp_path / "world", secured.url("worker"))
    try:
        for url in (secured.url("owner", "another.pem"), secured.url("owner", host="localhost")):
            for words in (("db", "status"), ("db", "migrate"), ("serve",)):
                refused = issuewright(url, world.directory, *words)
                assert refused.returncode == 2, refused.stderr
                assert "the database is not trusted" in refused.stderr
                assert "Traceback" not in refused.stderr
                assert "secret" not in refused.stderr
        trusted = issuewright(secured.url("owner"), world.directory, "db", "status")
        assert "postgresql://issuewright_owner:***@127.0.0.1" in trusted.stdout
    finally:
        world.close()


def _is_served(world: World, secured: Secured) -> None:
    """From the label to the merge, by a webhook and a worker that are roles apart."""
    world.service = Webhook(world.directory, world.service.port, secured.url("webhook"))
    worker = Service(world.directory, free_port(), "worker")
    try:
        world.start_service()
        worker.spawn()
        world.builder.writes(GOOD)
        issue = world.opens_spec("Add a health check")
        world.waits_for_gate(issue)
        world.approves(issue)
        world.waits_for_the_end(issue)
    finally:
        worker.close()


class Webhook(Service):
    """The webhook alone, under its own role."""

    def __init__(self, directory: Path, port: int, url: str) -> None:
        super().__init__(directory, port, "webhook")
        self._url = url

    def spawn(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ISSUEWRIGHT_DATABASE_URL", self._url)
            super().spawn()


def _webhook_may_do_no_more(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as webhook:
        for refused in (
            *(f"SELECT count(*) FROM {table}" for table in ("entries", "runs", "costs", "attempts", "decisions")),
            "SELECT payload FROM deliveries",
            "DELETE FROM deliveries",
            "UPDATE runs SET status = 'merged'",
            "INSERT INTO workers VALUES ('x')",
            "SELECT inputs FROM dbos.workflow_input",
            "SELECT output FROM dbos.workflow_output",
            "SELECT * FROM dbos.operation_outputs",
            "UPDATE dbos.workflow_status SET status = 'CANCELLED'",
            "CREATE TABLE mine (x int)",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                webhook.execute(refused)
