"""Each act of the GitHub adapter, also those that no recorded run needed: what it sends is described."""

import pytest

from tests.adapters.github.test_acts import ACTS, Act
from tests.contract.description import Problem, github
from tests.contract.recordings import Recording
from tests.contract.waivers import unexcused, unused

pytestmark = pytest.mark.timeout(240)
REST = [act for act in ACTS if not act.request.endswith(" /graphql")]


def problems_of(act: Act) -> list[Problem]:
    """What is wrong with the request in a row."""
    method, path = act.request.split(" ")
    path = f"/repos/acme/tally{path}"
    operation = github().operation(method, path)
    assert operation is not None, "GitHub describes no such operation"
    half = {"headers": {}} if act.sent is None else {"headers": {}, "body": act.sent}
    return list(operation.request_problems(path, [list(pair) for pair in act.query], half))


@pytest.mark.parametrize("act", REST, ids=lambda act: act.name)
def test_an_act_sends_what_github_describes(act: Act) -> None:
    """The table's rows are what is really sent: tests/adapters/github/test_acts.py sees to that."""
    problems = unexcused(problems_of(act))
    assert not problems, "\n".join(map(str, problems))


def test_each_waiver_is_still_needed(everything: Recording) -> None:
    acts = [problem for act in REST for problem in problems_of(act)]
    left = unused([*everything.problems(), *acts])
    assert not left, "\n".join(f"{waiver.where} {waiver.at}: {waiver.why}" for waiver in left)
