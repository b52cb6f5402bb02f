"""Structured results: what is accepted, what is put right, and what is sent back with words that help."""

from typing import Any

import pytest

from bot.adapters.agents.structured import BadResult, read_result, result_schema
from bot.domain.agents import Finding


def read(**written: Any) -> Any:
    return read_result(written, workspace="/srv/tree")


def test_places_become_paths_in_the_repository() -> None:
    findings = [
        {"message": "a", "path": "/srv/tree/src/a.py", "line": 3},
        {"message": "b", "path": "./b.py"},
        {"message": "c", "path": "/srv/treehouse/c.py", "line": 1},
        {"message": "d", "path": "/srv/tree/../d.py"},
        {"message": "e", "path": "/srv/tree"},
        {"message": "f", "path": ""},
    ]
    assert read(summary="Read", findings=findings).evidence == (
        Finding(message="a", path="src/a.py", line=3),
        Finding(message="b", path="b.py"),
        Finding(message="/srv/treehouse/c.py: c"),
        Finding(message="/srv/tree/../d.py: d"),
        Finding(message="/srv/tree: e"),
        Finding(message="f"),
    )


WRONG: dict[str, tuple[Any, str]] = {
    "no object": ("fine", "no JSON object"),
    "no summary": ({"questions": []}, "summary: Field required"),
    "an empty summary": ({"summary": " "}, "summary:"),
    "an opinion of its own": ({"summary": "s", "opinion": "fine"}, "opinion:"),
    "a field nobody asked for": ({"summary": "s", "score": 7}, "score: Extra inputs"),
    "findings that are none": ({"summary": "s", "findings": ["bad"]}, "findings.0"),
    "a finding without words": ({"summary": "s", "findings": [{"path": "a.py"}]}, "findings.0.message"),
    "findings that are no list": ({"summary": "s", "findings": {"message": "m"}}, "findings:"),
    "too many": ({"summary": "s", "findings": [{"message": "m"}] * 101}, "findings:"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named(what: str) -> None:
    written, words = WRONG[what]
    with pytest.raises(BadResult) as refused:
        read_result(written, workspace="/srv/tree")
    assert words in str(refused.value)


def test_the_schema_asks_for_an_opinion_only_of_those_who_judge() -> None:
    assert result_schema(judges=True)["required"] == ["summary", "opinion"]
    plain = result_schema(judges=False)
    assert plain["required"] == ["summary"]
    assert "opinion" not in plain["properties"]
