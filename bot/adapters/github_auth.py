"""The GitHub App's identity: it signs JWTs, finds installations, and keeps their tokens and clients."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import github
from github import GithubException, UnknownObjectException
from github.Auth import AppAuth, Auth
from github.InstallationAuthorization import InstallationAuthorization

from bot.adapters.github_clock import Clock
from bot.adapters.github_connection import connection_settings
from bot.adapters.github_errors import MissingIsFine, answer_text, forge_errors
from bot.adapters.github_permissions import WANTED, are_not_granted, lacking, narrowed
from bot.domain.errors import NotFound
from bot.domain.refs import RepoRef

log = logging.getLogger("issuewright.github")
# Long enough for a slow `git push` that has just read the token.
REFRESH_BEFORE_EXPIRY = timedelta(minutes=5)
_ALGORITHM = "RS256"
# A token refused when younger than this was not refused for its age.
_YOUNG = timedelta(minutes=1)
# A token that was minted just now may not be known to all of GitHub yet.
_SPREADS_WITHIN = timedelta(seconds=10)

_Answer = TypeVar("_Answer")


class AppCredentials:
    """One App on one GitHub. Any thread may call any method: one token an installation serves them all."""

    def __init__(
        self,
        api_url: str,
        app_id: int,
        private_key: str,
        installation_ids: Mapping[str, int],
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """`installation_ids` maps `owner/name` to the installation, as far as they are known already."""
        self._app_id = app_id
        self.clock = Clock()
        sign = AppAuth.create_jwt_sign(private_key, _ALGORITHM)
        auth = AppAuth(app_id, sign_func=lambda claims: sign(self._in_githubs_time(claims)))
        self._integration = github.GithubIntegration(auth=auth, **connection_settings(api_url))
        self._installations = dict(installation_ids)
        self._some_installation = next(iter(installation_ids.values()), None)
        self._slug: str | None = None
        self._tokens: dict[int, tuple[InstallationAuthorization, datetime]] = {}
        self._now = now or self.clock.now
        # PyGithub's objects are not thread-safe; the lock also lets one thread mint while the others wait.
        self._lock = threading.RLock()

    def __str__(self) -> str:
        return f"app {self._app_id}"

    def token_refused(self) -> bool:
        """A refused JWT means a wrong key, id or clock: signing another one does not help."""
        return False

    @forge_errors
    def installation_of(self, repo: RepoRef) -> int:
        """The installation that covers `repo`: 1 request, then none. NotFound if there is none."""
        with self._lock:
            known = self._installations.get(str(repo))
            if known is None:
                found = None
                with MissingIsFine():
                    found = self._signed(lambda: self._integration.get_repo_installation(repo.owner, repo.name))
                if found is None:
                    raise NotFound(f"{self} is not installed on {repo}: install it there")
                self.clock.hear(found.raw_headers)
                known, self._slug = found.id, found.app_slug
                self._installations[str(repo)] = known
            return known

    @forge_errors
    def any_installation(self) -> int:
        """Some installation, for what is the same in all of them: 1 request if none is known, else none."""
        with self._lock:
            if self._some_installation is None:
                found = self._signed(lambda: next(iter(self._integration.get_installations()), None))
                if found is None:
                    raise NotFound(f"{self} is not installed on any repository")
                self._some_installation, self._slug = found.id, found.app_slug
            return self._some_installation

    @forge_errors
    def slug(self) -> str:
        """The App's name in logins: 1 request, or none after an installation was looked up."""
        with self._lock:
            if self._slug is None:
                self._slug = self._signed(lambda: self._integration.get_app().slug)
            return self._slug

    @forge_errors
    def token(self, installation_id: int) -> str:
        """A token with at least five minutes to live: 1 request an hour and installation."""
        with self._lock:
            kept = self._tokens.get(installation_id)
            if kept is None or kept[0].expires_at - self._now() < REFRESH_BEFORE_EXPIRY:
                kept = self._mint(installation_id), self._now()
                self._tokens[installation_id] = kept
            return kept[0].token

    def _mint(self, installation_id: int) -> InstallationAuthorization:
        try:
            made = self._allowed(installation_id)
            self.clock.hear(made.raw_headers)
            return made
        except UnknownObjectException:
            # Uninstalled, perhaps to be installed again under another id: look it up anew the next time.
            self._some_installation = None
            self._installations = {
                name: known for name, known in self._installations.items() if known != installation_id
            }
            raise

    def _allowed(self, installation_id: int) -> InstallationAuthorization:
        """A token for what we want; where that is not granted, 2 requests more, and one for what is. Asked anew each
        time: what is granted meanwhile counts from the next token on."""
        try:
            return self._signed(lambda: self._integration.get_access_token(installation_id, WANTED))
        except GithubException as refused:
            if not are_not_granted(refused):
                raise
        found = self._signed(lambda: self._integration.get_app_installation(installation_id))
        granted = narrowed(found.permissions)
        if lacks := lacking(found.permissions):
            log.error(
                "%s lacks permissions that it needs: %s. Add them in its settings under *Permissions & events*, "
                "then accept the change at %s",
                self,
                ", ".join(lacks),
                found.html_url,
            )
        return self._signed(lambda: self._integration.get_access_token(installation_id, granted))

    def _signed(self, ask: Callable[[], _Answer]) -> _Answer:
        """Make a request that is signed with the time; once more when GitHub refuses it, and says that it is another
        time than we had thought."""
        try:
            return ask()
        except GithubException as refused:
            if refused.status != 401:
                raise
            if not self.clock.hear(refused.headers):
                log.error("GitHub refuses %s: %s: check `app_id` and `private_key_file`", self, answer_text(refused))
                raise
            return ask()

    def _in_githubs_time(self, claims: dict[str, Any]) -> dict[str, Any]:
        """PyGithub takes the time from this machine, whose clock may be wrong."""
        off = round(self.clock.now().timestamp() - time.time())
        return {**claims, "iat": claims["iat"] + off, "exp": claims["exp"] + off}

    def forget_token(self, installation_id: int, token: str) -> bool:
        """Drop `token` after GitHub refused it; True when it was old enough for a new one to do better. One that is
        brand new is kept: asking again with it may help."""
        with self._lock:
            kept = self._tokens.get(installation_id)
            if kept is None or kept[0].token != token:
                return True  # another thread has replaced it meanwhile
            age = self._now() - kept[1]
            if age < _SPREADS_WITHIN:
                return True
            del self._tokens[installation_id]
            return age >= _YOUNG


class InstallationAuth(Auth):
    """Feeds PyGithub the shared token, read anew for every request; one object a thread."""

    def __init__(self, app: AppCredentials, installation_id: int) -> None:
        self._app = app
        self._installation_id = installation_id
        self._last = ""

    @property
    def token_type(self) -> str:
        """The word before the token in the header."""
        return "token"

    @property
    def token(self) -> str:
        """The installation's token of the moment."""
        self._last = self._app.token(self._installation_id)
        return self._last

    def refused(self) -> bool:
        """GitHub refused the token last used; True when asking again, with a fresh one, may help."""
        return self._app.forget_token(self._installation_id, self._last)


class Clients:
    """One client a thread and installation: PyGithub mixes answers up when threads share one."""

    def __init__(self, api_url: str, app: AppCredentials) -> None:
        self._api_url = api_url
        self._app = app
        self._of_thread = threading.local()

    def client(self, installation_id: int) -> github.Github:
        """This thread's client: no request."""
        return self._login(installation_id)[0]

    def token_refused(self, installation_id: int) -> bool:
        """This thread was answered 401; True when asking again, with a fresh token, may help."""
        return self._login(installation_id)[1].refused()

    def _login(self, installation_id: int) -> tuple[github.Github, InstallationAuth]:
        logins: dict[int, tuple[github.Github, InstallationAuth]]
        logins = self._of_thread.__dict__.setdefault("logins", {})
        if installation_id not in logins:
            auth = InstallationAuth(self._app, installation_id)
            logins[installation_id] = github.Github(auth=auth, **connection_settings(self._api_url)), auth
        return logins[installation_id]
