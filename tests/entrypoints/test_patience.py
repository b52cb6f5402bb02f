"""How long agents work on without a worker: what the operator may set, and what holds where nothing is set."""

from pathlib import Path

import pytest

from bot.domain.errors import UserError
from bot.entrypoints.settings import load
from bot.entrypoints.wiring import _patience
from workflows.database import Database

NEEDED = 'app_id = 1\nprivate_key_file = "app.pem"\nwebhook_secret = "s"\nrepositories = ["acme/tally"]\n'
POSTGRES = "postgresql://somebody@127.0.0.1/nowhere"


def patience(directory: Path, settings: str, url: str) -> float | None:
    (directory / "service.toml").write_text(f'{NEEDED}database_url = "{url}"\n{settings}')
    database = Database(url)
    found = _patience(load(directory), database)
    database.close()
    return found


@pytest.mark.parametrize(
    ("settings", "on_sqlite", "on_postgres"),
    [
        ("", None, 14.0),
        ("lease_seconds = 10", None, 7.0),
        ("worker_patience_seconds = 0", None, None),
        ("worker_patience_seconds = 600", 600.0, 600.0),
    ],
)
def test_what_holds(tmp_path: Path, settings: str, on_sqlite: float | None, on_postgres: float | None) -> None:
    assert patience(tmp_path, settings, f"sqlite:///{tmp_path / 'x.db'}") == on_sqlite
    assert patience(tmp_path, settings, POSTGRES) == on_postgres


def test_less_than_the_time_between_two_beats_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least half of `lease_seconds`"):
        patience(tmp_path, "worker_patience_seconds = 5", POSTGRES)
