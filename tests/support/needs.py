"""Skips with a name and a way out: a test that lacks a program says how to get it.

In CI (`CI=true` or `ISSUEWRIGHT_NO_SKIPS=1`) tests/conftest.py turns every skip into a failure.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

import pytest

from bot.adapters.agents.claude_settings import find_binary
from bot.domain.errors import UserError


def program(name: str, package: str) -> pytest.MarkDecorator:
    """A mark: skip unless the program `name` is on the PATH; `package` is the Debian package that has it."""
    return pytest.mark.skipif(
        shutil.which(name) is None, reason=f"{name} is missing; get it: apt-get install {package}"
    )


def namespaces() -> pytest.MarkDecorator:
    """A mark: skip unless we may make namespaces of networks, names, processes and mounts."""
    privileged = sys.platform == "linux" and os.geteuid() == 0
    if privileged:
        command = ["unshare", "--net", "--uts", "--mount", "true"]
        privileged = (
            shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0
        )
    return pytest.mark.skipif(not privileged, reason="namespaces may not be made here; run this as root on Linux")


def claude() -> pytest.MarkDecorator:
    """A mark: skip unless Claude Code is here, on the PATH or as claude-agent-sdk brings it."""
    try:
        find_binary(None)
    except UserError:
        reason = "claude is missing; get it: make env (its wheel, claude-agent-sdk, is in requirements/dev.txt)"
        return pytest.mark.skipif(True, reason=reason)
    return pytest.mark.skipif(False, reason="claude is here")


def skips_fail(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a place where a skipped test is a failed one."""
    return environment.get("CI") == "true" or environment.get("ISSUEWRIGHT_NO_SKIPS") == "1"
