"""Who reads the pages: a signed cookie, and the token that every form must bring back."""

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass

from starlette.requests import Request

from bot.localhub.hub import Hub
from bot.localhub.records import User

_KEY = "pages key"


@dataclass(frozen=True)
class Session:
    """One browser's visit: `user` None until it signs in; `is_new` when its cookie must be set."""

    key: bytes
    cookie: str
    user: User | None
    is_new: bool

    @property
    def token(self) -> str:
        """The value of the hidden field in each form."""
        return _mac(self.key, f"form {self.cookie}")

    def holds(self, token: str) -> bool:
        """Whether a form was served to this very visit."""
        return hmac.compare_digest(token.encode(), self.token.encode())


def _mac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _key(hub: Hub) -> bytes:
    """The hub's own secret, made once."""
    known = hub.store.value("SELECT value FROM controls WHERE name = ?", _KEY)
    if known is None:
        known = secrets.token_hex(32)
        hub.store.run("INSERT INTO controls VALUES (?, ?)", _KEY, known)
    return bytes.fromhex(str(known))


def cookie_name(request: Request) -> str:
    """Cookies know no ports: each hub of a machine needs a name of its own."""
    return f"localhub_{request.url.port or 80}"


def begin(hub: Hub, user: User | None) -> Session:
    """A new visit, signed in as `user`."""
    key = _key(hub)
    said = f"{secrets.token_hex(16)}.{user.id if user else 0}"
    return Session(key, f"{said}.{_mac(key, f'visit {said}')}", user, is_new=True)


def resume(hub: Hub, request: Request) -> Session:
    """The visit that the request's cookie names, or a new one when it holds none of ours. Inside a transaction."""
    cookie = request.cookies.get(cookie_name(request), "")
    key = _key(hub)
    said, _, mac = cookie.rpartition(".")
    if not said or not hmac.compare_digest(mac.encode(), _mac(key, f"visit {said}").encode()):
        return begin(hub, None)
    user_id = int(said.partition(".")[2])
    user = hub.store.one(User, "SELECT * FROM users WHERE id = ? AND type = 'User'", user_id) if user_id else None
    return Session(key, cookie, user, is_new=False)


def is_local(request: Request) -> bool:
    """Whether the browser runs on this machine and asked for it by name: one click signs in, so nobody else may.
    The name counts too: a stranger's page could point its own name at this machine."""
    return _is_loopback(request.client.host if request.client else "") and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
