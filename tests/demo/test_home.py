"""The demo's directory: private, complete, found again."""

import re
import stat
import tomllib
from pathlib import Path

import pytest

from bot.domain.errors import UserError
from bot.entrypoints.demo.home import Home, Pointer
from bot.entrypoints.demo.seed import CONFIG_FILE, prepare, project_files


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "demo")


def test_everything_secret_is_for_its_owner_alone(home: Home) -> None:
    home.create()
    record = home.new_record(0, 0)
    prepare(home, record, "scripted")
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    for file in (home.settings_file, home.private_key_file, home.record_file, home.header_file("maintainer")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_an_empty_directory_becomes_private(home: Home) -> None:
    home.path.mkdir(mode=0o755)
    home.create()
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_a_second_demo_does_not_start_in_the_first_ones_directory(home: Home) -> None:
    home.create()
    with pytest.raises(UserError, match="already holds a demo"):
        home.create()


def test_the_service_takes_all_its_settings_from_there(home: Home) -> None:
    home.create()
    record = home.new_record(0, 0)
    public_key = prepare(home, record, "scripted")
    settings = tomllib.loads(home.settings_file.read_text())
    assert settings["github_api_url"] == f"{record.hub_url}/api/v3"
    assert f"http://{settings['listen']}/webhook" == record.webhook_url
    assert settings["repositories"] == ["acme/tally"]
    assert settings["agents"]["default"] == "scripted"
    assert (home.path / settings["agents"]["settings"]["scripted"]["script"]).is_file()
    assert (home.path / settings["private_key_file"]).read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert settings["webhook_secret"] == home.webhook_secret()
    assert public_key.startswith("-----BEGIN PUBLIC KEY-----")


def test_ports_can_be_chosen(home: Home) -> None:
    home.create()
    record = home.new_record(8001, 8002)
    assert record.api_url == "http://127.0.0.1:8001/api/v3"
    assert record.webhook_url == "http://127.0.0.1:8002/webhook"
    assert home.record() == record


def test_the_pointer_finds_the_latest_demo_and_forgets_only_its_own(tmp_path: Path) -> None:
    pointer = Pointer(tmp_path / "cache" / "demo")
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    with pytest.raises(UserError, match="No demo is running"):
        pointer.home()
    pointer.point_at(first)
    pointer.point_at(second)
    pointer.forget(first)
    assert pointer.home().path == second.path
    pointer.forget(second)
    with pytest.raises(UserError):
        pointer.home()


def test_the_sample_project_may_run_another_pipeline() -> None:
    assert re.findall(r"(?m)^pipeline: (.*)$", project_files()[CONFIG_FILE]) == []
    assert re.findall(r"(?m)^pipeline: (.*)$", project_files(pipeline="quick")[CONFIG_FILE]) == ["quick"]


def test_the_sample_projects_configuration_is_valid() -> None:
    import yaml

    from bot.domain.config import RepoConfig

    config = RepoConfig.model_validate(yaml.safe_load(project_files()[CONFIG_FILE]))
    assert config.pipeline == "six-agents"
    assert config.checks.tests.command == ("python3", "-m", "unittest", "-v")
