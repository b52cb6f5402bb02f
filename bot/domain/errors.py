"""Errors that know their audience.

IssuewrightError
├── UserError       a person can mend it: its text is shown to them, and says how
└── ForgeError      GitHub (or the way to it) failed
    ├── Transient   trying again later may help; `retry_after` seconds if GitHub said so
    ├── NotFound    404: it is gone, or we may not see it
    └── Rejected    GitHub understood and refused (4xx other than those above)
        └── TooSoon     perhaps only because it has not noticed yet what was done a moment ago
"""


class IssuewrightError(Exception):
    """Anything that this project raises on purpose."""


class UserError(IssuewrightError):
    """Something that the person at the other end can mend; the message says how."""


class ForgeError(IssuewrightError):
    """A request to GitHub did not do what was asked. `status` is the HTTP status, 0 when none arrived."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message, status)
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return self.message


class Transient(ForgeError):
    """A limit, a 5xx, a dropped connection: whether the request took effect is unknown, but for a limit (403, 429)."""

    def __init__(self, message: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message, status)
        self.args = (message, status, retry_after)
        self.retry_after = retry_after


class NotFound(ForgeError):
    """What was asked for does not exist, or not for us."""


class Rejected(ForgeError):
    """GitHub answered, and the answer is no."""


class TooSoon(Rejected):
    """What the request names is not there, or not yet: GitHub takes a moment to notice a push, or what it made itself.
    Nothing took effect. Who has waited that moment takes it for the no that it says."""
