"""Each act of the GitHub adapter, also those that no recorded run needed: what it sends is described."""

import pytest

from tests.adapters.github.test_acts import ACTS, Act
from tests.contract.description import github
from tests.contract.waivers import unexcused


@pytest.mark.parametrize(
    "act", [act for act in ACTS if not act.request.endswith(" /graphql")], ids=lambda act: act.name
)
def test_an_act_sends_what_github_describes(act: Act) -> None:
    """The table's rows are what is really sent: tests/adapters/github/test_acts.py sees to that."""
    method, path = act.request.split(" ")
    path = f"/repos/acme/tally{path}"
    operation = github().operation(method, path)
    assert operation is not None, "GitHub describes no such operation"
    half = {"headers": {}} if act.sent is None else {"headers": {}, "body": act.sent}
    problems = unexcused(operation.request_problems(path, [list(pair) for pair in act.query], half))
    assert not problems, "\n".join(map(str, problems))
