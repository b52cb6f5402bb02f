"""The judge itself: it must find what is wrong, and nothing else."""

import copy
from typing import Any

import pytest

from tests.contract.conftest import Recordings
from tests.contract.description import Problem, Schema, Schemas, github
from tests.contract.operations import OPERATIONS
from tests.contract.waivers import unexcused

pytestmark = pytest.mark.timeout(240)
Json = dict[str, Any]
REPO = "/api/v3/repos/acme/tally"
HEADERS = {"content-type": "application/json; charset=utf-8"}
LABEL = {
    "id": 7,
    "node_id": "TGFiZWw3",
    "url": "http://127.0.0.1/api/v3/repos/acme/tally/labels/bug",
    "name": "bug",
    "color": "d73a4a",
    "default": True,
    "description": None,
}


def said(
    method: str, path: str, body: object = None, status: int = 200, answer: object = None, query: Any = ()
) -> list[Problem]:
    """The problems of one exchange."""
    request: Json = {"headers": HEADERS} | ({} if body is None else {"body": body})
    entry = {
        "method": method,
        "path": path,
        "query": [list(pair) for pair in query],
        "request": request,
        "status": status,
        "answer": {"headers": HEADERS if answer is not None else {}} | ({} if answer is None else {"body": answer}),
    }
    return github().exchange_problems(entry, wrong_on_purpose=False)


def labels(**changes: object) -> list[Problem]:
    return said("GET", f"{REPO}/labels", answer=[LABEL | changes])


def test_what_is_right_passes() -> None:
    assert labels() == []
    assert labels(description="Something is broken") == []
    assert said("GET", f"{REPO}/labels", answer=[], query=[("per_page", "100"), ("page", "2")]) == []
    assert said("DELETE", f"{REPO}/issues/comments/5", status=204) == []
    assert said("DELETE", f"{REPO}/issues/comments/5", status=404, answer={"message": "Not Found"}) == []
    assert said("GET", f"{REPO}/labels", status=304) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"description": 5}, "type"),
        ({"name": None}, "type"),
        ({"default": "true"}, "type"),
        ({"url": "no url"}, "format"),
        ({"colour": "red"}, "unknown colour"),
    ],
)
def test_an_answer_that_differs_is_found(changes: Json, fault: str) -> None:
    (problem,) = labels(**changes)
    assert problem.where == "issues/list-labels-for-repo 200"
    assert problem.fault == fault


def test_an_answer_that_lacks_a_field_is_found() -> None:
    short = {name: value for name, value in LABEL.items() if name != "color"}
    (problem,) = said("GET", f"{REPO}/labels", answer=[LABEL, short])
    assert (problem.at, problem.fault) == ("/*", "lacks color")


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "where", "fault"),
    [
        ("POST", "/issues/1/comments", {"body": "x", "bodyy": 1}, (), "issues/create-comment request", "unknown bodyy"),
        ("POST", "/issues/1/comments", {}, (), "issues/create-comment request", "lacks body"),
        ("POST", "/issues/1/comments", {"body": 5}, (), "issues/create-comment request", "type"),
        ("POST", "/issues/1/comments", None, (), "issues/create-comment request", "no JSON body"),
        ("POST", "/issues/x/comments", {"body": ""}, (), "issues/create-comment path", "type"),
        ("GET", "/labels", None, [("perpage", "5")], "issues/list-labels-for-repo query", "unknown"),
        ("GET", "/labels", None, [("page", "two")], "issues/list-labels-for-repo query", "type"),
        ("GET", "/pulls", None, [("state", "merged")], "pulls/list query", "enum"),
        ("PUT", "/pulls/1/merge", {"merge_method": "fast"}, (), "pulls/merge request", "enum"),
        ("GET", "/labels", {"name": "bug"}, (), "issues/list-labels-for-repo request", "body not described"),
    ],
)
def test_a_request_that_github_does_not_know_is_found(
    method: str, path: str, body: object, query: object, where: str, fault: str
) -> None:
    found = said(method, REPO + path, body, 404, {"message": "Not Found"}, query)
    assert [(problem.where, problem.fault) for problem in found] == [(where, fault)]


NAMED = {
    "base": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
    "more": {
        "allOf": [
            {"$ref": "#/components/schemas/base"},
            {"type": "object", "properties": {"note": {"$ref": "#/components/schemas/base"}}},
        ]
    },
    "either": {"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/base"}]},
    "lax": {
        "type": "object",
        "properties": {"status": {"type": "string"}},
        "oneOf": [
            {"properties": {"status": {"enum": ["completed"]}}, "required": ["end"], "additionalProperties": True},
            {"properties": {"status": {"enum": ["queued"]}, "end": {}}, "additionalProperties": True},
        ],
    },
    "free": {"type": "object", "additionalProperties": {"type": "string"}},
}


@pytest.mark.parametrize(
    ("name", "value", "faults"),
    [
        ("base", {"id": 1}, []),
        ("base", {"id": 1, "x": 1}, ["unknown x"]),
        ("more", {"id": 1, "note": {"id": 2}}, []),
        ("more", {"id": 1, "note": {"id": 2, "x": 1}, "y": 1}, ["unknown x", "unknown y"]),
        ("more", {"id": "1", "y": 1}, ["type", "unknown y"]),
        ("either", "text", []),
        ("either", {"id": 1, "x": 1}, ["unknown x"]),
        ("either", 5, ["type"]),
        ("lax", {"status": "queued"}, []),
        ("lax", {"status": "queued", "x": 1}, ["unknown x"]),
        ("lax", {"status": "completed"}, ["lacks end"]),
        ("free", {"a": "b"}, []),
        ("free", {"a": 1}, ["type"]),
    ],
)
def test_objects_are_closed_wherever_their_fields_are_described(name: str, value: object, faults: list[str]) -> None:
    schema = Schema({"$ref": f"#/components/schemas/{name}"}, Schemas(NAMED))
    assert sorted(problem.fault for problem in schema.problems("here", value)) == faults


@pytest.mark.parametrize(
    ("method", "path", "status", "answer", "fault"),
    [
        ("GET", "/nothing-here", 200, {}, "operation not described"),
        ("PUT", "/labels", 200, {}, "operation not described"),
        ("GET", "/labels", 418, {"message": "Tea"}, "status not described"),
        ("DELETE", "/issues/comments/5", 204, {"gone": True}, "body not described"),
        ("GET", "/labels", 200, None, "media type not described "),
    ],
)
def test_an_answer_out_of_place_is_found(method: str, path: str, status: int, answer: object, fault: str) -> None:
    assert [problem.fault for problem in said(method, REPO + path, None, status, answer)] == [fault]


def test_the_longest_place_is_meant() -> None:
    place = "/repos/acme/tally"
    assert _id(f"{place}/commits/feature/one/check-runs") == "checks/list-for-ref"
    assert _id(f"{place}/commits/feature/one") == "repos/get-commit"
    assert _id(f"{place}/issues/comments") == "issues/list-comments-for-repo"
    assert _id(f"{place}/labels/a/b") == "issues/get-label"


def _id(path: str) -> str | None:
    operation = github().operation("GET", path)
    return operation.id if operation else None


def test_a_webhook_that_differs_is_found(recordings: Recordings) -> None:
    (opened, *_) = [
        entry["body"] for entry in recordings["demo"].deliveries if entry["headers"]["x-github-event"] == "pull_request"
    ]
    assert unexcused(github().webhook_problems("pull_request", opened)) == []
    broken = copy.deepcopy(opened)
    broken["pull_request"]["head"]["label"] = 5
    broken["pull_request"]["mood"] = "fine"
    del broken["repository"]["full_name"]
    found = {(problem.at, problem.fault) for problem in github().webhook_problems("pull_request", broken)}
    assert found == {
        ("/pull_request/head/label", "type"),
        ("/pull_request", "unknown mood"),
        ("/repository", "lacks full_name"),
    }
    (unheard,) = github().webhook_problems("gollum", {"sender": {}})
    assert unheard.fault == "event not described"


def test_each_request_of_the_bot_that_is_spoilt_is_caught(recordings: Recordings) -> None:
    """Whatever the bot sends: one more field in its body, and the judge objects."""
    spoilt = 0
    for entry in recordings["demo"].exchanges:
        if isinstance(entry["request"].get("body"), dict):
            worse = copy.deepcopy(entry)
            worse["request"]["body"]["no_such_field"] = True
            faults = [problem.fault for problem in github().exchange_problems(worse, wrong_on_purpose=False)]
            assert "unknown no_such_field" in faults, entry["path"]
            spoilt += 1
    assert spoilt > 10


def test_the_description_holds_what_was_cut_out() -> None:
    assert set(github().operations) == set(OPERATIONS)
