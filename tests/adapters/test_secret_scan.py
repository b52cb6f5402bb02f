"""The search for secrets: what it finds, what it leaves alone, and that nobody learns them from it."""

import socket
import time

import pytest

from bot.adapters import secret_scan
from bot.adapters.secret_scan import scan
from bot.domain.checks import secrets_check
from bot.domain.checks.base import PossibleSecret
from bot.domain.checks.secrets_check import SecretsConfig
from tests.domain.checks.works import text

# Put together here, so that nobody's scanner takes this file for a leak.
GITHUB = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
AWS = "AKIA" + "QWERTYUIOPASDFGH"
STRIPE = "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc"
PASSWORD = "Tr0ub4dor" + "&3x"
HEADING = "-----BEGIN RSA PRIVATE " + "KEY-----"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

SURE = [
    f'TOKEN = "{GITHUB}"',
    f"curl -H 'Authorization: token {GITHUB}' https://api.github.com",
    f'KEY = "{AWS}"',
    'aws_secret_access_key = "' + "wJalrXUtnFEMIK7MDENGbPxRfiCYzzzzKEYabcde" + '"',
    f"stripe: {STRIPE}",
    'k = "sk-ant-' + 'api03-abcdefghijklmnopqrstuvwx"',
    't = "github_' + 'pat_11ABCDEFG0abcdefghijkl_mnop"',
    'g = "AIza' + 'SyA1234567890abcdefghijklmnopqrstuv"',
    f"{HEADING}\nMIIEpAIBAAKCAQEA75kqK8Yh1ZQ\n",
    "x" * 5000 + f' "{GITHUB}" ' + "y" * 5000,
    "x" * 995 + f' "{GITHUB}"',
]


def found(path: str, content: str) -> list[PossibleSecret]:
    return list(scan([text(path, content)]).found)


@pytest.mark.parametrize("content", SURE)
@pytest.mark.parametrize("path", ["app.py", "tests/test_app.py", "README.md", ".env"])
def test_keys_and_tokens_of_a_known_form_are_sure(path: str, content: str) -> None:
    (one,) = found(path, content)
    assert one.sure
    assert (one.path, one.line) == (path, 1)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("app.py", f'password = "{PASSWORD}"'),
        ("app.py", f'if password == "{PASSWORD}":'),
        ("config.yml", "password: s3cr3tPa55"),
        (".env", "SECRET_KEY=abc123def456ghi"),
        ("prod.env", "SECRET_KEY=abc123def456ghi"),
        ("a.json", '"client_secret": "abc123def456ghi"'),
        ("app.py", 'DB = "postgresql://user:pa55w0rd9@db.internal/x"'),
    ],
)
def test_what_seems_a_password_is_likely(path: str, content: str) -> None:
    (one,) = found(path, content)
    assert (one.sure, one.weak) == (False, False)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("app.py", f'sha = "{DIGEST}"'),
        ("app.py", 'PASSWORD_FIELD = "password_confirm"'),
        ("keys.py", f'assert text.startswith("{HEADING}")'),
        ("LICENSE", "APACHELICENSE"),
    ],
)
def test_what_is_only_random_or_only_a_name_is_weak(path: str, content: str) -> None:
    (one,) = found(path, content)
    assert one.weak
    assert not one.sure


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("app.py", 'password = os.environ["PASSWORD"]'),
        ("app.py", "token: str = secrets.token_hex(16)"),
        ("app.py", 'password = "changeme"'),
        ("app.py", 'password = "your-password-here"'),
        ("app.py", 'password_label = "Enter your password"'),
        ("config.yml", "password: ${DB_PASSWORD}"),
        ("a.json", '"password": {"type": "string", "minLength": 8}'),
        ("a.ts", "interface A { password: string; secretKey: string }"),
        ("app.py", 'id = "2b1d6d4e-3f0a-4b2b-9a60-1b2c3d4e5f60"'),
        ("app.py", 'alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"'),
        ("app.py", 'KEY = "AKIA' + 'IOSFODNN7EXAMPLE"'),
        ("app.py", 'TOKEN = "ghp_' + "x" * 36 + '"'),
        ("package-lock.json", f'"integrity": "{DIGEST}"'),
        ("web/yarn.lock", f'integrity "{DIGEST}"'),
        ("app.py", ""),
    ],
)
def test_references_examples_and_lock_files_are_left_alone(path: str, content: str) -> None:
    assert found(path, content) == []


def test_only_added_lines_are_searched() -> None:
    changed = text("app.py", f'OLD = "{GITHUB}"\nx = 1\nNEW = "{AWS}"', added=(2, 3))
    assert [one.line for one in scan([changed]).found] == [3]


def test_a_comment_that_allows_a_secret_is_not_obeyed() -> None:
    assert found("app.py", f'TOKEN = "{GITHUB}"  # pragma: allowlist secret')


@pytest.mark.parametrize("secret", [GITHUB, AWS, STRIPE, PASSWORD, DIGEST])
def test_the_verdict_does_not_tell_the_secret(secret: str) -> None:
    result = scan([text("app.py", f'password = "{secret}"')])
    assert result.found
    assert secret not in repr(result)
    assert secret not in secrets_check.judge(result, SecretsConfig()).model_dump_json()


def test_nobody_is_asked_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise AssertionError("the search went to the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    for content in SURE:
        assert found("app.py", content)


def test_more_than_can_be_searched_is_told_as_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    large = [text(f"{n}.txt", "a b c d\n" * 10) for n in range(5)]
    assert scan(large, ["other.bin"]).unread == ("other.bin",)
    monkeypatch.setattr(secret_scan, "MAX_LINES", 45)
    assert scan(large, ["other.bin"]).unread == ("other.bin", "4.txt")
    monkeypatch.setattr(secret_scan, "MAX_CHARACTERS", 170)
    assert scan(large).unread == ("2.txt", "3.txt", "4.txt")


@pytest.mark.parametrize(
    "line", ['"' * 200_000, "'a" * 100_000, "password = " * 20_000, "x = 'a' != " * 20_000, "://a:" * 40_000]
)
def test_hostile_lines_are_searched_quickly(line: str) -> None:
    begin = time.process_time()
    found("a.yml", line)
    assert time.process_time() - begin < 15
