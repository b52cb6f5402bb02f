"""The policy for all tests: in CI a skip is a failure, since a test that never runs proves nothing, and a failure is
named at once: a run that is ended before its end has no closing report."""

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


class _FailuresAtOnce:
    """Names each test that fails when it does. Where workers run the tests (xdist), only their controller writes."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.ensure_newline()
            self._terminal.write_line(f"FAILED {report.nodeid} ({report.when}, {report.duration:.0f} s)", red=True)
            self._terminal.flush()


@pytest.hookimpl(trylast=True)  # after whoever writes to the terminal is there
def pytest_configure(config: pytest.Config) -> None:
    """Failures are named as they come where a run's log may be all that is left of it."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if skips_fail() and isinstance(terminal, pytest.TerminalReporter):
        config.pluginmanager.register(_FailuresAtOnce(terminal))


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
