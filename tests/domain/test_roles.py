"""Role files: what is wrong with one is said with its line, before anybody pays for it."""

import pytest

from bot.domain.errors import UserError
from bot.domain.pipeline import Gate, Pipeline, Stage
from bot.domain.roles import Role, misfit, read_role

GOOD = "---\ndescription: Builds.\naccess: code\nproduces: [code]\n---\nYou build.\n{{ view.stage }}\n"


def test_a_role_is_front_matter_and_a_prompt() -> None:
    found = read_role(GOOD, "roles/builder.md.j2")
    assert (found.role.description, found.role.access, found.role.produces) == ("Builds.", "code", ("code",))
    assert found.prompt.split("\n").index("{{ view.stage }}") == GOOD.split("\n").index("{{ view.stage }}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("You build.\n", "r.md.j2, line 1: must begin with a line `---`"),
        ("---\naccess: code\nYou build.\n", "r.md.j2, line 1: has a line `---` without a second one"),
        ("---\ndescription: d\naccess: code\n---\n\n", "r.md.j2, line 4: has no prompt"),
        ("---\ndescription: d\naccess: everything\n---\np\n", "r.md.j2, line 3: `access` must be one of"),
        ("---\ndescription: d\n\ntolls: [x]\naccess: code\n---\np\n", "r.md.j2, line 4: `tolls` is not a setting"),
        ("---\naccess: code\n---\np\n", "`description` is missing"),
        ("---\ndescription: [\n---\np\n", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, says: str) -> None:
    with pytest.raises(UserError) as refused:
        read_role(text, "r.md.j2")
    assert says in str(refused.value)


def plan(**stage: object) -> Pipeline:
    one = Stage.model_validate({"stage": "builder", "role": "builder", **stage})
    return Pipeline(name="one", steps=(one, Gate(gate="merge", rejects_to="builder")))


@pytest.mark.parametrize(
    ("pipeline", "access", "says"),
    [
        (plan(), "code", None),
        (plan(writes="artifacts"), "code", None),
        (plan(writes="artifacts", outputs=("a.md",)), "artifacts", None),
        (plan(role="bilder"), "code", "`bilder`, which does not exist: use one of `builder`"),
        (plan(), "artifacts", "writes code, and its role `builder` may not"),
        (plan(writes="artifacts", outputs=("a.md",)), "read-only", "may write nothing"),
    ],
)
def test_a_role_must_be_able_to_fill_its_stage(pipeline: Pipeline, access: str, says: str | None) -> None:
    problem = misfit(pipeline, {"builder": Role.model_validate({"description": "d", "access": access})})
    assert problem is None if says is None else says in str(problem)
