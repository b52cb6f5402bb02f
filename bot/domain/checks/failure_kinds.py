"""Why a test failed: by the code, or for want of something that its environment lacks. When in doubt, by the code."""

import re
from collections.abc import Iterable
from typing import Literal

from bot.domain.checks.runner_report import FailedTest
from bot.domain.checks.work import Work

Kind = Literal["code", "network", "program", "module", "disk"]

_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*[.:]{1,2})*(?P<name>[A-Za-z_]\w*)(?::\s*(?P<said>.*))?\Z", re.DOTALL)
_NETWORK_ERRORS = {
    "ConnectionRefusedError", "ConnectError", "ConnectTimeout", "ConnectTimeoutError", "ConnectionError",
    "ConnectException", "NewConnectionError", "MaxRetryError", "NameResolutionError", "ReadTimeout",
    "ReadTimeoutError", "ClientConnectorError", "ServerSelectionTimeoutError", "UnknownHostException", "URLError",
    "gaierror", "NoBrokersAvailable", "OperationalError", "InterfaceError", "OSError", "TimeoutError", "timeout",
    "SocketTimeoutException", "Error",
}  # fmt: skip
_NO_NETWORK = re.compile(
    r"connection refused|ECONNREFUSED|\bErrno 111\b|actively refused"
    r"|name or service not known|name resolution|nodename nor servname|ENOTFOUND|EAI_AGAIN|no such host|UnknownHost"
    r"|network is unreachable|ENETUNREACH|no route to host|EHOSTUNREACH"
    r"|connect(?:ion)? timed out|connect timeout|read timed out|ETIMEDOUT|\Atimed out\Z",
    re.IGNORECASE,
)
_NAMELESS_HOSTS = {"gaierror", "UnknownHostException", "NameResolutionError"}
_FULL = re.compile(r"no space left on device|\bENOSPC\b|\bErrno 28\b|database or disk is full", re.IGNORECASE)
_NO_FILE = re.compile(r"\[Errno 2\] No such file or directory: '(?P<name>[\w.+-]+)'")
_SPAWN = re.compile(r"(?:Error: )?spawn (?P<name>[\w.+-]+) ENOENT")
_GO_EXEC = re.compile(r"exec: \"(?P<name>[\w.+-]+)\": executable file not found in \$PATH")
_NO_MODULE = re.compile(r"No module named '(?P<name>[^'.]+)[^']*'")
# What starts programs: only from there does "no such file" speak of a program.
_STARTERS = ("/subprocess.py", "/asyncio/base_events.py", "/asyncio/unix_events.py", "/pexpect/popen_spawn.py")


def kind_of(failure: FailedTest, work: Work) -> Kind:
    """The kind of a failure, by the exception that its message begins with. `work` tells which names are the
    project's own, and what this change itself asks for."""
    message = failure.message.strip()
    found = _EXCEPTION.match(message)
    name, said = (found["name"], found["said"] or "") if found else ("", message)
    if name == "ModuleNotFoundError":
        return "module" if _is_missing_elsewhere(_NO_MODULE.search(said), work) else "code"
    if name == "FileNotFoundError":
        started = failure.path is not None and failure.path.endswith(_STARTERS)
        return "program" if started and _is_missing_elsewhere(_NO_FILE.search(said), work) else "code"
    if _is_missing_elsewhere(_SPAWN.match(message) or _GO_EXEC.match(message), work):
        return "program"
    if name in {"OSError", "IOError", "OperationalError", "Error"} and _FULL.search(said):
        return "disk"
    if name in _NAMELESS_HOSTS or (name in _NETWORK_ERRORS and _NO_NETWORK.search(said)):
        return "network"
    if name == "ConnectionRefusedError" or re.match(r"(?:connect ECONNREFUSED|getaddrinfo E|dial tcp )\S", message):
        return "network"
    return "code"


def counted(kinds: Iterable[Kind]) -> str:
    """`2 code, 1 network`."""
    every = list(kinds)
    return ", ".join(f"{every.count(kind)} {kind}" for kind in dict.fromkeys(sorted(every)))


def _is_missing_elsewhere(found: re.Match[str] | None, work: Work) -> bool:
    """Whether what is missing is neither a part of the project nor brought in by this very change."""
    if found is None:
        return False
    name = found["name"]
    if name in work.contents.names:
        return False
    asked_for = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    return not any(asked_for.search(line[:2000]) for text in work.contents.texts for _, line in text.added_lines)
