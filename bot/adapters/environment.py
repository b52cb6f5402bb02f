"""The environment that other programs get from us: a short list of names, so that no secret is ever among
them."""

import os
from pathlib import Path

_NAMES = {"PATH", "LANG", "LANGUAGE", "TZ"}


def allowed_environment(home: Path | None = None, tmp: Path | None = None) -> dict[str, str]:
    """PATH, the language and nothing else of ours; HOME and TMPDIR as given (left out when not)."""
    environment = {name: value for name, value in os.environ.items() if name in _NAMES or name.startswith("LC_")}
    environment.setdefault("PATH", os.defpath)
    environment["TERM"] = "dumb"
    if home is not None:
        environment["HOME"] = os.fspath(home)
    if tmp is not None:
        environment["TMPDIR"] = os.fspath(tmp)
    return environment
