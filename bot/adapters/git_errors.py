"""What git's complaints mean: which of them a person can mend, which pass by themselves, which are bugs."""

import re

from bot.domain.errors import IssuewrightError, NotFound, Rejected, Transient, UserError

_LONGEST = 1500
_FULL = ("No space left on device", "Disk quota exceeded", "error: unable to write file ")
"""The last is what a checkout says of a file of which it could write a part only."""


class GitFailed(IssuewrightError):
    """git refused something that should have worked here: a surprise for the log, not for a person."""


def failure(command: str, status: int, stderr: str, *, over_network: bool) -> IssuewrightError:
    """The error for a git process that ended with `status`; its message ends with git's own words.

    Over the network: NotFound (404, no such ref), Rejected (401, 403 and other refusals; `status` is the HTTP
    status), Transient (everything about the connection, limits, 5xx). Here: UserError for a path that git will
    not store, Transient for a full disk, GitFailed otherwise.
    """
    said = shortened(stderr)
    message = f"git {command} failed: {said}" if said else f"git {command} ended with status {status}"
    if any(words in stderr for words in _FULL):
        return Transient(message)
    if over_network:
        return _network_failure(message, stderr)
    if found := re.search(r"error: (?:Invalid path|invalid path) '(.*)'", stderr, re.DOTALL):
        return UserError(f"git will not store the path {found[1]!r}: rename or remove it.")
    if found := re.search(r"open\(\"(.*)\"\): Permission denied", stderr):
        return UserError(f"The file {found[1]!r} cannot be read: make it readable or remove it.")
    return GitFailed(message)


def shortened(stderr: str) -> str:
    """The end of git's complaints, without the server's progress lines, at most 1,500 characters."""
    lines = [line.rstrip() for line in stderr.replace("\r", "\n").splitlines() if line.strip()]
    return "\n".join(lines)[-_LONGEST:]


def _network_failure(message: str, stderr: str) -> IssuewrightError:
    if found := re.search(r"returned error: (\d{3})", stderr):
        http = int(found[1])
        if http == 404:
            return NotFound(message, http)
        # Who may not push or fetch is told so before anything is sent, "unable to access": a 403 after that is a limit.
        slow_down = http == 403 and re.search(r"RPC failed|rate limit", stderr)
        if slow_down or http in (408, 429) or http >= 500:
            return Transient(message, http)
        return Rejected(message, http)
    if re.search(r"could not read (Username|Password)|Authentication failed|terminal prompts disabled", stderr):
        return Rejected(f"{message}\n(the token was refused)", 401)
    if re.search(r"fatal: repository '.*' not found", stderr):
        return NotFound(message, 404)
    if re.search(r"couldn't find remote ref|not our ref|no such remote ref", stderr):
        return NotFound(message)
    if re.search(r"transport '.*' not allowed|unable to redirect|Server does not allow request", stderr):
        return Rejected(message)
    return Transient(message)
