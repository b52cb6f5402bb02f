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

    def at(self, repo: RepoRef, branch: str, commit: str, repository: Repository) -> Configuration:
        """What `commit`, the newest of `branch`, says: no request when that is known, 1 as a rule, 3 where there is no
        such file. Raises Transient while GitHub does not know the commit."""
        known = self._read.get(repo)
        if known is not None and known.commit == commit:
            return known
        try:
            text = repository.file_at(CONFIG_PATH, commit)
            if text is None and repository.branch_head(branch) != commit:
                raise Transient(f"GitHub does not know {commit} yet, the newest commit of {branch}")
            # It may have learnt of the commit between those two answers: from here on it knows it.
            text = repository.file_at(CONFIG_PATH, commit) if text is None else text
            config = RepoConfig() if text is None else load_model(RepoConfig, text, CONFIG_PATH)
            found = Configuration(commit, config)
        except UserError as error:
            found = Configuration(commit, problem=str(error))
        self._read[repo] = found
        return found
