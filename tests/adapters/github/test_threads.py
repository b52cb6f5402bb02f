"""Many threads on one adapter: no shared client, one shared token."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import responses

from bot.adapters.github import GitHub, Repository
from bot.adapters.github_auth import AppCredentials, Clients
from tests.adapters.github import payloads
from tests.adapters.github.conftest import TALLY
from tests.adapters.github.payloads import API, REPO
from tests.adapters.github.unruly import Answer, unruly_server

THREADS = 8


def in_threads(call: Callable[[int], object]) -> list[object]:
    together = threading.Barrier(THREADS)

    def run(number: int) -> object:
        together.wait()
        return call(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_every_thread_has_its_own_client(private_key: str) -> None:
    clients = Clients(API, AppCredentials(API, 1001, private_key, {}))
    found = in_threads(lambda _: (clients.client(5), clients.client(6), clients.client(5)))
    assert len({id(client) for trio in found for client in trio}) == 2 * THREADS  # type: ignore[attr-defined]
    assert all(trio[0] is trio[2] for trio in found)  # type: ignore[index]


def test_all_threads_share_one_token(private_key: str) -> None:
    with unruly_server() as hub:
        hub.answers = [
            Answer(200, payloads.installation()),
            Answer(201, payloads.token("ghs_one")),
            *[Answer(200, payloads.issue(3)) for _ in range(THREADS)],
        ]
        repository = GitHub(api_url=hub.url, app_id=1001, private_key=private_key).repository(TALLY)
        in_threads(lambda _: repository.issue(3))
    assert len(hub.asked) == THREADS + 2
    assert set(hub.tokens[2:]) == {"token ghs_one"}


def test_answers_reach_the_thread_that_asked(repository: Repository, hub: responses.RequestsMock) -> None:
    for number in range(THREADS):
        hub.get(f"{REPO}/issues/{number}", json=payloads.issue(number))
    assert [issue.number for issue in in_threads(repository.issue)] == list(range(THREADS))  # type: ignore[attr-defined]
