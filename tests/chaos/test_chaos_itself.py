"""What a campaign rests on: plans that come again, and pictures in which a difference shows."""

from itertools import islice

from tests.chaos.picture import differences
from tests.chaos.plan import make_plan
from tests.chaos.specs import KINDS, kinds_for


def test_a_seed_gives_the_same_plan_again() -> None:
    plans = [list(make_plan(7, 50, postgres=True, workers=2)) for _ in range(2)]
    assert plans[0] == plans[1]
    assert sum(trouble.kind == "kill" for trouble in plans[0]) == 50
    assert plans[0][-1].kind == "kill"
    assert plans[0] != list(make_plan(8, 50, postgres=True, workers=2))


def test_every_trouble_is_planned_where_it_can_strike() -> None:
    kinds = {trouble.kind for trouble in make_plan(1, 400, postgres=True, workers=2)}
    assert kinds >= {"kill", "stop", "zombie", "agent", "supervisor", "hub", "database", "fault", "webhook", "lag"}
    assert not {"database", "zombie"} & {trouble.kind for trouble in make_plan(1, 400, postgres=False, workers=1)}


def test_a_campaign_opens_specs_of_all_kinds_in_turn() -> None:
    assert {kind.name for kind in kinds_for(len(KINDS))} == {kind.name for kind in KINDS}
    assert list(islice(kinds_for(100), 2)) == list(KINDS[:2])


def test_pictures_differ_where_they_do() -> None:
    picture = {"comments": [["one", "two"]], "journal": ["a", "b"], "pull request": {"merged": True}}
    assert differences(picture, picture) == []
    twice = {**picture, "comments": [["one", "two", "two"]]}
    assert differences(picture, twice) == ["/comments/0: unexpected two"]
    lost = {**picture, "journal": ["a", "c"]}
    assert differences(picture, lost) == ["/journal: unexpected c", "/journal: missing b"]
    assert len(differences(picture, {**picture, "pull request": {"merged": False}})) == 1
    assert differences({"text": "a\nb"}, {"text": "a\nc"}) == ["/text: -b", "/text: +c"]
