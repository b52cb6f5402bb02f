"""One repository as the App reaches it: what all acts on it share."""

from github.Repository import Repository as GithubRepository

from bot.adapters.github_auth import AppCredentials, Clients
from bot.domain.refs import RepoRef


class RepositoryApi:
    """The way to one repository. Any thread may call any method of the acts that build on it."""

    def __init__(self, repo: RepoRef, app: AppCredentials, clients: Clients) -> None:
        self._repo = repo
        self._app = app
        self._clients = clients

    def __str__(self) -> str:
        return str(self._repo)

    def token_refused(self) -> bool:
        """Called on a 401."""
        return self._clients.token_refused(self._app.installation_of(self._repo))

    @property
    def _api(self) -> GithubRepository:
        """This thread's PyGithub repository; lazy, so that naming an object by its id costs nothing."""
        return self._clients.client(self._app.installation_of(self._repo)).get_repo(str(self._repo))
