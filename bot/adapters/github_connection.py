"""How every request to GitHub is made: the settings of all PyGithub clients."""

import logging
import socket
from typing import Any

from urllib3 import BaseHTTPResponse, Retry
from urllib3.connection import HTTPConnection

TIMEOUT_SECONDS = 10
RETRIES = 2
REDIRECTS = frozenset({301, 302, 303, 307, 308})


_ARRIVES_WITHIN_SECONDS = 5.0
"""Longer, and the kernel gives a request up: it would deliver it minutes later, when the network is back, although the
worker that sent it has long ended and been taken over from."""


class Moved(Exception):
    """GitHub answered a redirection: the repository was renamed or transferred, or the API's address is wrong."""


class ReadRetry(Retry):
    """Retries by `status_forcelist`, and no redirection is ever followed.

    PyGithub would follow a 301 without the query, and get all issues where it asked for those with a label;
    and it would take a 307, which is what a write to a renamed repository gets, for success.
    """

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        """Whether `increment` is to decide about this answer."""
        return status_code in REDIRECTS or super().is_retry(method, status_code, has_retry_after)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        *rest: Any,
        **named: Any,
    ) -> "ReadRetry":
        """One try less; raises Moved for a redirection."""
        if response is not None and response.status in REDIRECTS:
            raise Moved(f"redirected to {response.headers.get('location', 'nowhere')}")
        return super().increment(method, url, response, *rest, **named)


def retry_reads() -> Retry:
    """Try reads again, at once and twice at most; never a write.

    PyGithub's default replays a POST whose answer was lost, and the comment is there twice. Whether a lost
    write took effect is for the durable layer to find out. Limits (403, 429) go up to it as well: sleeping
    them out here would hold a worker's thread.
    """
    return ReadRetry(
        total=RETRIES,
        other=0,  # a TLS connection cut in mid-answer counts as "other", and would be tried again for a POST too
        allowed_methods={"GET", "HEAD"},
        status_forcelist={500, 502, 503, 504},
        backoff_factor=0.1,
        raise_on_status=False,
        respect_retry_after_header=False,
    )


def connection_settings(api_url: str) -> dict[str, Any]:
    """Keyword arguments for PyGithub's entry classes. Lazy: an object by id costs no request.

    Pacing is zero: PyGithub's blocks the thread and counts by object; effects are paced in their queue.
    """
    _give_up_what_does_not_arrive()
    # At DEBUG this logger writes whole answers, among them those that carry a new token.
    logging.getLogger("github.Requester").setLevel(logging.INFO)
    return {
        "base_url": api_url,
        "timeout": TIMEOUT_SECONDS,
        "retry": retry_reads(),
        "user_agent": "issuewright",
        "per_page": 100,
        "seconds_between_requests": 0,
        "seconds_between_writes": 0,
        "lazy": True,
    }


def _give_up_what_does_not_arrive() -> None:
    """PyGithub makes its connections itself, with urllib3's own options for sockets."""
    timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    if timeout is not None:
        option = (socket.IPPROTO_TCP, timeout, int(_ARRIVES_WITHIN_SECONDS * 1000))
        if option not in HTTPConnection.default_socket_options:
            HTTPConnection.default_socket_options = [*HTTPConnection.default_socket_options, option]
