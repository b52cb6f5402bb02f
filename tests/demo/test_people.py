"""The people of --auto on a real localhub: each gate is decided once, whatever happens to the answer."""

import os
import signal
import threading

import pytest

from bot.domain.errors import ForgeError
from bot.entrypoints.demo import seed
from bot.entrypoints.demo.home import MAINTAINER, REPORTER
from bot.entrypoints.demo.people import People
from bot.entrypoints.demo.world import Comment, World
from tests.demo import views
from tests.demo.conftest import Hub


class Scene:
    """A maintainer, a pull request, and what the bot seems to have said about it."""

    def __init__(self, hub: Hub, rejects: int) -> None:
        self.number, self.head = hub.opens_pull_request()
        self.people = People(hub.person(MAINTAINER), hub.repository, seed.load_story(), rejects)

    def world(self, *comments: Comment) -> World:
        placed = tuple(comment.model_copy(update={"number": self.number}) for comment in comments)
        return views.world(comments=placed, pull=views.pull(number=self.number, head=self.head))


def test_the_first_merge_gate_is_rejected_with_the_reason_and_the_second_approved(hub: Hub) -> None:
    scene = Scene(hub, rejects=1)
    scene.people.decide(scene.world())
    assert hub.comments(scene.number) == []
    scene.people.decide(scene.world(views.gate(1, 1)))
    assert hub.comments(scene.number) == [(MAINTAINER, f"/reject {seed.load_story().rejection}")]
    assert hub.reviews(scene.number) == []
    scene.people.decide(scene.world(views.gate(1, 1), views.gate(2, 2)))
    assert hub.reviews(scene.number) == [(MAINTAINER, "APPROVED")]


def test_a_gate_is_decided_once_even_if_it_is_shown_twice(hub: Hub) -> None:
    scene = Scene(hub, rejects=0)
    for comments in ((views.gate(1, 1),), (views.gate(1, 1),), (views.gate(1, 1), views.gate(2, 1))):
        scene.people.decide(scene.world(*comments))
    assert hub.reviews(scene.number) == [(MAINTAINER, "APPROVED")]


def test_gates_before_the_merge_are_approved(hub: Hub) -> None:
    scene = Scene(hub, rejects=1)
    scene.people.decide(scene.world(views.gate(1, 1, name="plan")))
    assert hub.reviews(scene.number) == [(MAINTAINER, "APPROVED")]
    assert hub.comments(scene.number) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_that_is_lost_does_not_lead_to_a_second_review(hub: Hub, when: str) -> None:
    scene = Scene(hub, rejects=0)
    hub.breaks(method="POST", path_regex=".*/reviews", when=when, kind="drop")
    scene.people.decide(scene.world(views.gate(1, 1)))
    assert hub.reviews(scene.number) == [(MAINTAINER, "APPROVED")]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_error_does_not_lead_to_a_second_comment(hub: Hub, when: str) -> None:
    scene = Scene(hub, rejects=1)
    hub.breaks(method="POST", path_regex=".*/comments", when=when, kind="status", status=502)
    scene.people.decide(scene.world(views.gate(1, 1)))
    assert len(hub.comments(scene.number)) == 1


def test_a_refusal_is_final(hub: Hub) -> None:
    with pytest.raises(ForgeError) as raised:
        hub.person(REPORTER).comment(hub.repository, 99, "hello")
    assert raised.value.status == 404


def test_a_localhub_that_is_away_for_a_while_is_waited_for(hub: Hub) -> None:
    pid = int(hub.home.hub_pid_file.read_text())
    os.kill(pid, signal.SIGKILL)
    again = threading.Timer(1.0, hub.processes.start_localhub, [hub.record])
    again.start()
    found = hub.person(REPORTER).get(f"/repos/{hub.repository}")
    again.join()
    assert found["full_name"] == hub.repository
