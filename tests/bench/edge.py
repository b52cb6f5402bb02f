"""The webhook's edge: requests a second and p99 at 16 connections, against a hello and a bare insert + enqueue."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.bench.figures import Figure, Target, percentile
from tests.bench.setting import Setting
from tests.contract.examples import SECRET, example, signature
from tests.support.ports import free_port

CONNECTIONS = 16
KINDS = ("ours", "bare", "hello")
ROOT = Path(__file__).parents[2]


def measure(setting: Setting) -> list[Figure]:
    """Requests per second and the 99th percentile, a database at a time."""
    figures = []
    for database in setting.databases():
        answers = _answers(setting, database)
        rates = {kind: [each["requests"] / each["seconds"] for each in answers[kind]] for kind in KINDS}
        slow = {kind: [percentile(each["ms"], 0.99) for each in answers[kind]] for kind in KINDS}
        refused = sum(each["refused"] for kind in KINDS for each in answers[kind])
        how = f"{CONNECTIONS} connections, a signed `issues.labeled` of {len(_body())} bytes, new delivery ids"
        more = {"refused": refused}
        figures += [
            Figure(
                *("edge", f"edge, {database}", "req/s", rates["ours"], "bare insert + enqueue", rates["bare"]),
                *(Target(0.9, "least", "ratio"), how, more),
            ),
            Figure("edge", f"edge, {database}, to a hello", "req/s", rates["ours"], "hello", rates["hello"], how=how),
            Figure(
                *("edge", f"edge, {database}, p99", "ms", slow["ours"], "bare insert + enqueue", slow["bare"]),
                *(Target(100), how, more),
            ),
        ]
    return figures


def _answers(setting: Setting, database: str) -> dict[str, list[dict[str, Any]]]:
    """What the load process said, by kind of server, a sample a round; all servers wait while one is loaded."""
    seconds, rounds = (0.3, 1) if setting.quick else (3.0, 7)
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    with _serving(setting, database, KINDS) as load:
        for kind in KINDS:
            load(kind, 0.3 if setting.quick else 1.0)  # the first requests open connections and fill caches
        for _ in range(rounds):
            for kind in KINDS:
                found[kind].append(load(kind, seconds))
    return found


@contextmanager
def _serving(
    setting: Setting, database: str, kinds: tuple[str, ...]
) -> Iterator[Callable[[str, float], dict[str, Any]]]:
    """Servers of these kinds, each with a database of its own; yields what loads one of them for some seconds."""
    if not kinds:
        raise ValueError("no servers")
    directory = setting.directory("edge")
    (directory / "body").write_bytes(_body())
    headers = {"content-type": "application/json", "x-github-event": "issues"}
    headers["x-hub-signature-256"] = signature(_body())
    (directory / "headers").write_text(json.dumps(headers))
    urls: dict[str, str] = {}
    processes: list[subprocess.Popen[bytes]] = []

    def load(kind: str, seconds: float) -> dict[str, Any]:
        argv = ["tests.bench.load", urls[kind], str(directory / "body"), str(directory / "headers")]
        words = [sys.executable, "-m", *argv, str(CONNECTIONS), str(seconds)]
        done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def start(kind: str, database_url: str) -> None:
        port = free_port()
        home = setting.directory(f"edge-{kind}")
        (home / "service.toml").write_text(
            f'app_id = 1\nprivate_key_file = "app.pem"\nwebhook_secret = {json.dumps(SECRET)}\n'
            f'listen = "127.0.0.1:{port}"\nrepositories = ["acme/tally"]\ndatabase_url = {json.dumps(database_url)}\n'
        )
        urls[kind] = f"http://127.0.0.1:{port}/webhook"
        with (home / "log").open("wb") as log:
            words = [sys.executable, "-m", "tests.bench.edge_server", kind, str(home)]
            processes.append(subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log))
        _wait_until_it_answers(processes[-1], urls[kind], home / "log")

    try:
        with setting.fresh_databases(database, len(kinds)) as database_urls:
            for kind, database_url in zip(kinds, database_urls, strict=True):
                start(kind, database_url)
            yield load
            for process in processes:
                process.kill()
                process.wait()
    finally:
        for process in processes:
            process.kill()


def _body() -> bytes:
    return json.dumps(example("issues.labeled")).encode()


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(url, trust_env=False, timeout=5)
            return
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"a server did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.05)
