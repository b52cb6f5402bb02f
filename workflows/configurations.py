"""The repositories' configurations, as this process has read them: a commit stays as it is, so each is read once."""

from dataclasses import dataclass, field

from bot.adapters.github import Repository
from bot.domain.config import CONFIG_PATH, RepoConfig
from bot.domain.errors import Transient, UserError
from bot.domain.refs import RepoRef
from bot.domain.yaml_files import load_model


@dataclass(frozen=True)
class Configuration:
    """What `commit` says, or (the defaults and) what is wrong with it."""

    commit: str
    config: RepoConfig = field(default_factory=RepoConfig)
    problem: str | None = None


class Configurations:
    """The configuration of each repository's newest base commit that was asked for. Threads may share it."""

    def __init__(self) -> None:
        self._read: dict[RepoRef, Configuration] = {}
        self._known_to_github: dict[RepoRef, str] = {}

    def at(self, repo: RepoRef, branch: str, commit: str, repository: Repository) -> Configuration:
        """What `commit`, the newest of `branch`, says: no request when that is known, 1 as a rule, 2 at first where
        there is no such file. Raises Transient while GitHub does not know the commit."""
        known = self._read.get(repo)
        if known is not None and known.commit == commit:
            return known
        try:
            text = repository.file_at(CONFIG_PATH, commit)
            found = Configuration(
                commit, load_model(RepoConfig, text, CONFIG_PATH) if text is not None else RepoConfig()
            )
        except UserError as error:
            text, found = "", Configuration(commit, problem=str(error))
        if text is not None or self._known_to_github.get(repo) == commit:
            self._read[repo] = found
        elif repository.branch_head(branch) != commit:
            raise Transient(f"GitHub does not know {commit} yet, the newest commit of {branch}")
        else:
            # It may have learnt of the commit between the two answers: only the next look is sure.
            self._known_to_github[repo] = commit
        return found
