"""Runs git so that nothing but our own words decides what it does: no hook, filter, driver, helper or
configuration of the machine, the user or the tree takes part, and a token travels in the environment only."""

import base64
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bot.adapters.git_errors import failure
from bot.domain.errors import UserError

COMMIT_ID = re.compile(r"[0-9a-f]{40}\Z")

# Variables of the operator that git may see; every other GIT_* variable could point it elsewhere or trace.
_PASSED_ON = re.compile(r"GIT_(SSL_\w+|EXEC_PATH|PYTHON_\w+)\Z")

_NO_GIT = "git was not found: install git 2.39 or later on the machine of the service."

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_EDITOR": "false",
    "GIT_PAGER": "cat",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_PROTOCOL_FROM_USER": "0",
    # No ~/.netrc, no ~/.config/git/attributes.
    "HOME": os.devnull,
    "XDG_CONFIG_HOME": os.devnull,
}

_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.splitIndex": "false",
    "core.sparseCheckout": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "core.fileMode": "true",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.logAllRefUpdates": "false",
    "core.sshCommand": "false",
    "core.askPass": "",
    # Another process holds a ref for milliseconds only: waiting this long means that its owner is dead.
    "core.filesRefLockTimeout": "1000",
    "core.packedRefsTimeout": "1000",
    "credential.helper": "",
    "commit.gpgSign": "false",
    "push.gpgSign": "false",
    "push.followTags": "false",
    "push.recurseSubmodules": "no",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "rerere.enabled": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    # A pack appears at once; loose objects would appear one by one, and a kill could leave half a commit.
    "transfer.unpackLimit": "1",
    "fetch.unpackLimit": "1",
    # A redirect would take the token to another host.
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
}


@dataclass(frozen=True)
class Remote:
    """Where a repository lives (`url`, without credentials) and the token that opens it (empty: none). `has_branches`
    says that git's words go to a repository which keeps the remote's branches; outside of one, git 2.46 and later
    die of that setting."""

    url: str
    token: str = field(repr=False)
    has_branches: bool = True

    def __post_init__(self) -> None:
        if "@" in urlsplit(self.url).netloc:
            raise ValueError("a git remote's URL must not carry credentials")

    @property
    def authorization(self) -> str:
        """The value of the HTTP header that proves who we are: Basic, any user, the token as password."""
        return "Basic " + base64.b64encode(f"x-access-token:{self.token}".encode()).decode()

    def config(self) -> dict[str, str]:
        """The remote `origin`, and the header for its host and port alone."""
        config = {"remote.origin.url": self.url}
        if self.has_branches:
            config["remote.origin.fetch"] = "+refs/heads/*:refs/remotes/origin/*"
        parts = urlsplit(self.url)
        if self.token and parts.scheme in ("http", "https"):
            config[f"http.{parts.scheme}://{parts.netloc}/.extraHeader"] = f"Authorization: {self.authorization}"
        return config

    def redact(self, text: str) -> str:
        """`text` without the token in either form, should a server ever echo it."""
        for secret in (self.token, self.authorization.removeprefix("Basic ")):
            text = text.replace(secret, "[token]") if self.token else text
        return text


@dataclass(frozen=True)
class Output:
    """What a git process left: its exit status, its bytes, and its complaints with the token taken out."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def line(self) -> str:
        """The one line (an object's id, say) that the process printed."""
        return self.stdout.decode().strip()


@dataclass(frozen=True)
class Git:
    """git on one git directory, which is always named and never looked for.

    `index` and `work_tree` are given by those who work on files. `holding` are descriptors of the locks under
    which git runs; `mends` says that the caller holds the lock over every ref here, so that a git lock file in
    the way was left by the dead. `protocols` is git's allow-list, `http:https` in service.
    """

    directory: Path
    work_tree: Path | None = None
    index: Path | None = None
    holding: tuple[int, ...] = ()
    mends: bool = False
    protocols: str = "http:https"

    def run(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        remote: Remote | None = None,
        environment: Mapping[str, str] | None = None,
        statuses: Sequence[int] = (0,),
    ) -> Output:
        """Run `git <arguments>`; an exit status outside `statuses` raises what `git_errors.failure` makes of it."""
        output = self._execute(arguments, stdin, remote, environment or {})
        while output.status not in statuses:
            if not (self.mends and self._removed_dead_lock(output.stderr)):
                raise failure(arguments[0], output.status, output.stderr, over_network=remote is not None)
            output = self._execute(arguments, stdin, remote, environment or {})
        return output

    def _execute(
        self, arguments: tuple[str, ...], stdin: bytes | None, remote: Remote | None, environment: Mapping[str, str]
    ) -> Output:
        # Imported here because GitPython runs git when it is imported, and refuses to be without it.
        try:
            from git.cmd import Git as GitCommand
            from git.exc import GitCommandNotFound
        except ImportError as error:
            raise UserError(_NO_GIT) from error
        variables = {**self._environment(remote), **environment}
        foreign = [name for name in os.environ if name.startswith("GIT_") and name not in variables]
        unset = [word for name in foreign if not _PASSED_ON.match(name) for word in ("-u", name)]
        command = [*(["env", *unset] if unset else []), "git", *arguments]
        with tempfile.TemporaryFile() as words:
            if stdin is not None:
                words.write(stdin)
                words.seek(0)
            try:
                status, stdout, stderr = GitCommand(str(self.work_tree or self.directory)).execute(
                    command,
                    istream=words,
                    env=variables,
                    with_extended_output=True,
                    with_exceptions=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                    shell=False,
                    pass_fds=self.holding,
                )
            except GitCommandNotFound as error:
                raise UserError(
                    "git was not found: install git 2.39 or later on the machine of the service."
                ) from error
        return Output(status, stdout, remote.redact(stderr) if remote else stderr)

    def _environment(self, remote: Remote | None) -> dict[str, str]:
        config = {**_CONFIG, **(remote.config() if remote else {})}
        variables = {
            **_ENVIRONMENT,
            "GIT_ALLOW_PROTOCOL": self.protocols,
            "GIT_DIR": str(self.directory),
            "GIT_CONFIG_COUNT": str(len(config)),
        }
        if self.work_tree:
            variables["GIT_WORK_TREE"] = str(self.work_tree)
        if self.index:
            variables["GIT_INDEX_FILE"] = str(self.index)
        for number, (key, value) in enumerate(config.items()):
            variables[f"GIT_CONFIG_KEY_{number}"] = key
            variables[f"GIT_CONFIG_VALUE_{number}"] = value
        return variables

    def _removed_dead_lock(self, stderr: str) -> bool:
        found = re.search(r"Unable to create '(.+?\.lock)': File exists", stderr)
        if not found or not Path(found[1]).is_relative_to(self.directory):
            return False
        Path(found[1]).unlink(missing_ok=True)
        return True
