"""Where the forge is: one address is set, and those of its pages and of git follow from it."""

from pathlib import Path

import pytest

from bot.domain.refs import RepoRef
from bot.entrypoints.settings import load

NEEDED = 'app_id = 1\nprivate_key_file = "app.pem"\nwebhook_secret = "s"\nrepositories = ["acme/tally"]\n'


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize(
    ("settings", "remote"),
    [
        ('github_api_url = "https://ghe.example/api/v3{end}"', "https://ghe.example/acme/tally.git"),
        ('github_api_url = "https://api.github.com{end}"', "https://github.com/acme/tally.git"),
        ('git_url = "https://mirror.example{end}"', "https://mirror.example/acme/tally.git"),
    ],
    ids=["server", "github.com", "git"],
)
def test_a_slash_at_the_end_of_an_address_means_nothing(tmp_path: Path, settings: str, remote: str, end: str) -> None:
    (tmp_path / "service.toml").write_text(NEEDED + settings.replace("{end}", end))
    assert load(tmp_path).remote_url(RepoRef(owner="acme", name="tally")) == remote
