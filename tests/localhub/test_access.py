"""Who gets in and what they may do."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.localhub.harness import Localhub, app_jwt


def test_credentials(hub: Localhub) -> None:
    assert hub.call("GET", "//user", hub.tokens["sam"]).json()["login"] == "sam"
    assert hub.call("GET", "//user", "nonsense").json()["message"] == "Bad credentials"
    assert hub.call("GET", "//user").status_code == 401
    assert hub.call("GET", "").status_code == 200, "a public repository is read without a name"
    assert hub.call("POST", "/issues", None, {"title": "x"}).status_code == 401


def test_an_app_proves_itself_by_its_key(hub: Localhub) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert hub.call("GET", "//app", app_jwt()).json()["slug"] == "issuewright"
    for bad in (
        app_jwt(key=stranger.decode()),
        app_jwt(app_id=999),
        app_jwt(seconds=3600),
        app_jwt(seconds=-3600),
        "a.b.c",
        hub.bot_token(),
        hub.tokens["acme"],
    ):
        assert hub.call("GET", "//app", bad).status_code == 401
    assert hub.call("GET", "", app_jwt()).status_code == 401, "a JWT is for the App's own endpoints"


def test_an_installation_token_is_bounded(hub: Localhub) -> None:
    weak = hub.bot_token(permissions={"issues": "read"})
    assert hub.call("GET", "/issues", weak).status_code == 200
    refused = hub.call("POST", "/issues", weak, {"title": "x"})
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
    path = f"//app/installations/{hub.installation_id}/access_tokens"
    for body in ({"permissions": {"administration": "write"}}, {"repositories": ["other"]}):
        assert hub.call("POST", path, app_jwt(), body).status_code == 422
    hub.control("POST", "/repositories", {"owner": "acme", "name": "other"})
    elsewhere = hub.call("POST", "//repos/acme/other/issues", hub.bot_token(), {"title": "x"})
    assert elsewhere.status_code == 403, "the App is not installed there"


@pytest.mark.parametrize(
    ("login", "permission", "role_name"),
    [
        ("sam", "read", "read"),
        ("rita", "read", "read"),
        ("tom", "read", "triage"),
        ("wendy", "write", "write"),
        ("mary", "write", "maintain"),
        ("acme", "admin", "admin"),
    ],
)
def test_permission_and_role(hub: Localhub, login: str, permission: str, role_name: str) -> None:
    answer = hub.call("GET", f"/collaborators/{login}/permission", hub.bot_token()).json()
    assert (answer["permission"], answer["role_name"]) == (permission, role_name)
    assert hub.call("GET", f"/collaborators/{login}", hub.bot_token()).status_code == (404 if login == "sam" else 204)


def test_a_bot_is_no_collaborator(hub: Localhub) -> None:
    answer = hub.call("GET", "/collaborators/issuewright[bot]/permission", hub.bot_token())
    assert (answer.status_code, answer.json()["message"]) == (404, "issuewright[bot] is not a user")
    assert hub.call("GET", "//users/issuewright[bot]").json()["id"] == hub.bot_id
    assert hub.by("rita", "GET", "/collaborators/tom/permission", status=403)


def test_what_each_role_may_do_to_an_issue(hub: Localhub) -> None:
    hub.by("sam", "POST", "/issues", {"title": "A wish", "labels": ["spec"]})
    assert hub.by("sam", "GET", "/issues/1/labels") == [], "a stranger's labels are dropped"
    hub.by("sam", "POST", "/issues/1/comments", {"body": "please"})
    for login in ("sam", "rita"):
        hub.by(login, "POST", "/issues/1/labels", {"labels": ["spec"]}, status=403)
    hub.by("tom", "POST", "/issues/1/labels", {"labels": ["spec"]})
    hub.by("rita", "PATCH", "/issues/1", {"state": "closed"}, status=403)
    hub.by("tom", "PATCH", "/issues/1", {"title": "Another"}, status=403)
    hub.by("tom", "PATCH", "/issues/1", {"state": "closed"})
    hub.by("sam", "PATCH", "/issues/1", {"title": "My wish"})
    hub.by("tom", "POST", "/labels", {"name": "new"}, status=403)
    hub.by("wendy", "POST", "/labels", {"name": "new"})
    comment = hub.by("wendy", "POST", "/issues/1/comments", {"body": "mine"})
    hub.by("rita", "PATCH", f"/issues/comments/{comment['id']}", {"body": "yours"}, status=403)
    hub.by("mary", "PATCH", f"/issues/comments/{comment['id']}", {"body": "ours"})


def test_a_private_repository_does_not_exist_for_strangers(hub: Localhub) -> None:
    hub.control("POST", "/repositories", {"owner": "acme", "name": "secret", "private": True})
    for token in (None, hub.tokens["sam"], hub.bot_token()):
        assert hub.call("GET", "//repos/acme/secret", token).status_code == 404
    assert hub.call("GET", "//repos/acme/secret", hub.tokens["acme"]).status_code == 200
