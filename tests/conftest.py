"""The policy for all tests: in CI a skip is a failure, since a test that never runs proves nothing."""

from collections.abc import Generator, Iterator

import pytest

from tests.support.needs import skips_fail
from tests.support.postgres import PostgresServer, start_server


def _fail_instead(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} did not run, and in CI a skip fails: {reason.removeprefix('Skipped: ')}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one where skips fail (an expected failure is not a skip)."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and skips_fail():
        _fail_instead(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that skips itself while it is imported."""
    report = yield
    if report.skipped and skips_fail():
        _fail_instead(report)
    return report


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL server for this session (with xdist: one a worker), gone at its end."""
    with start_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a fresh, empty database: `postgresql://user:password@127.0.0.1:port/name`."""
    with postgres_server.fresh_database() as url:
        yield url
