"""A commit's configuration is read once, and what GitHub does not know yet is not taken for what it says."""

from typing import cast

import pytest

from bot.adapters.github import Repository
from bot.domain.config import CONFIG_PATH
from bot.domain.errors import Transient
from tests.domain.samples import BASE, ONE, REPO
from workflows.configurations import Configurations


class Hub:
    """A repository whose configurations are `files`, by commit; counts what it is asked."""

    def __init__(self, head: str, **files: str) -> None:
        self.head = head
        self.files = files
        self.asked = 0

    def file_at(self, path: str, ref: str) -> str | None:
        assert path == CONFIG_PATH
        self.asked += 1
        return self.files.get(ref)

    def branch_head(self, branch: str) -> str:
        assert branch == "main"
        self.asked += 1
        return self.head


def trigger(configurations: Configurations, hub: Hub, commit: str) -> str:
    """The label that starts a run, as that commit has it."""
    return configurations.at(REPO, "main", commit, cast(Repository, hub)).config.trigger.label


def test_each_commit_is_read_once() -> None:
    known, hub = Configurations(), Hub(BASE, **{BASE: "trigger: {label: wish}", ONE: "trigger: {label: order}"})
    assert [trigger(known, hub, BASE) for _ in range(3)] == ["wish"] * 3
    assert hub.asked == 1
    assert [trigger(known, hub, ONE) for _ in range(3)] == ["order"] * 3
    assert hub.asked == 2


def test_what_is_wrong_is_known_too() -> None:
    known, hub = Configurations(), Hub(BASE, **{BASE: "trigger: 3"})
    problems = {known.at(REPO, "main", BASE, cast(Repository, hub)).problem for _ in range(3)}
    assert (len(problems), None in problems, hub.asked) == (1, False, 1)


def test_that_there_is_none_is_known_too() -> None:
    known, hub = Configurations(), Hub(BASE)
    assert [trigger(known, hub, BASE) for _ in range(4)] == ["spec"] * 4
    assert hub.asked == 3


def test_a_commit_that_github_learns_of_between_two_answers_is_read_again() -> None:
    known, hub = Configurations(), Late(BASE)
    with pytest.raises(Transient, match="does not know"):
        trigger(known, hub, ONE)
    hub.comes = (ONE, "trigger: {label: wish}")
    assert [trigger(known, hub, ONE) for _ in range(2)] == ["wish"] * 2


class Late(Hub):
    """One that learns of a commit while it is asked for the branch."""

    comes: tuple[str, str] | None = None

    def branch_head(self, branch: str) -> str:
        if self.comes is not None:
            self.head = self.comes[0]
            self.files[self.head] = self.comes[1]
        return super().branch_head(branch)
