"""The journal's chain, its bytes, and what an old or a newer release wrote."""

import json
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain import entries
from bot.domain import entries as e
from bot.domain.agents import AgentStatus
from bot.domain.journal import GENESIS, Record, first_break, seal
from tests.domain.samples import BASE, MONA, ONE, at, attempt, journal, run_started, subject

DONE = e.AttemptFinished(stage="builder", number=1, status=AgentStatus.OK, commit=ONE, summary='Größe: "0.00"\n\0✓')
CHAIN = journal(attempt(), DONE, e.RunParked(reason="why"))


def test_a_whole_chain_has_no_break() -> None:
    assert first_break([]) is None
    assert first_break(CHAIN) is None
    assert [record.seq for record in CHAIN] == [1, 2, 3, 4]
    assert CHAIN[0].prev_hash == GENESIS


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run_id", "acme--tally--8"),
        ("seq", 7),
        ("cause", "comment:1:1"),
        ("kind", "run_finished"),
        ("version", 2),
        ("at", at(500)),
        ("body", '{"reason":"other"}'),
        ("prev_hash", "1" * 64),
        ("hash", "2" * 64),
    ],
)
@pytest.mark.parametrize("index", range(4))
def test_a_changed_field_breaks_the_chain_there(index: int, field: str, value: Any) -> None:
    changed = [*CHAIN]
    changed[index] = changed[index].model_copy(update={field: value})
    assert first_break(changed) == index + 1


def test_a_missing_a_repeated_or_a_moved_record_breaks_the_chain() -> None:
    first, second, third, fourth = CHAIN
    assert first_break([second, third, fourth]) == 1
    assert first_break([first, third, fourth]) == 2
    assert first_break([first, second, second, third]) == 3
    assert first_break([first, third, second, fourth]) == 2


@pytest.mark.parametrize(("numbers", "broken"), [((2, 3, 4), 1), ((1, 3, 4), 2), ((1, 2, 2), 3), ((1, 2, 4), 3)])
def test_a_chain_whose_hashes_fit_is_not_whole_unless_its_numbers_do(numbers: tuple[int, ...], broken: int) -> None:
    """As somebody would make it who knows how records are sealed."""
    forged: list[Record] = []
    for number in numbers:
        before = forged[-1].hash if forged else GENESIS
        forged.append(seal("acme--tally--7", number, before, f"test:{len(forged)}", at(number), run_started()))
    assert first_break(forged) == broken


def test_a_record_says_what_its_entry_said() -> None:
    assert [record.entry for record in CHAIN] == [run_started(), attempt(), DONE, e.RunParked(reason="why")]


def test_bytes_are_canonical_and_times_may_come_in_any_zone() -> None:
    body = json.loads(CHAIN[2].body)
    assert CHAIN[2].body == json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert "Größe" in CHAIN[2].body
    assert "\0" not in CHAIN[2].body
    elsewhere = CHAIN[0].at.astimezone(timezone(timedelta(hours=5)))
    assert seal("acme--tally--7", 1, GENESIS, "test:1", elsewhere, run_started()).hash == CHAIN[0].hash
    assert first_break([CHAIN[0].model_copy(update={"at": elsewhere}), *CHAIN[1:]]) is None


def test_a_time_without_a_zone_is_not_stored() -> None:
    with pytest.raises(ValidationError):
        Record.model_validate({**CHAIN[0].model_dump(), "at": CHAIN[0].at.replace(tzinfo=None)})


def test_what_json_cannot_say_is_not_recorded() -> None:
    for cost in (float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            e.AttemptFinished(stage="builder", number=1, status=AgentStatus.OK, cost_usd=cost)


@pytest.mark.parametrize(
    ("kind", "version", "body"),
    [
        ("hold_placed", 1, "{}"),
        ("run_parked", 2, '{"reason":"x"}'),
        ("run_parked", 0, '{"reason":"x"}'),
        ("run_parked", 1, "{}"),
        ("run_parked", 1, '{"reason":"x","new":1}'),
        ("run_parked", 1, '{"reason":4}'),
        ("run_parked", 1, "[]"),
        ("run_parked", 1, "null"),
        ("run_parked", 1, "{"),
        ("run_parked", 1, ""),
        ("run_parked", 1, "[" * 100_000),
        ("", 1, "{}"),
    ],
)
def test_what_cannot_be_read_stands_there_as_unreadable(kind: str, version: int, body: str) -> None:
    entry = e.read_entry(kind, version, body)
    assert isinstance(entry, e.Unreadable)
    assert (entry.stored_kind, entry.stored_version) == (kind, version)
    assert entry.problem


def test_an_old_shape_is_brought_up_to_date_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(data: dict[str, Any]) -> dict[str, Any]:
        return {"why": data["text"]}

    def renamed(data: dict[str, Any]) -> dict[str, Any]:
        return {"reason": data["why"]}

    monkeypatch.setitem(entries._UPCASTS, ("run_parked", -1), named)
    monkeypatch.setitem(entries._UPCASTS, ("run_parked", 0), renamed)
    assert e.read_entry("run_parked", -1, '{"text":"x"}') == e.RunParked(reason="x")
    assert e.read_entry("run_parked", 0, '{"why":"x"}') == e.RunParked(reason="x")
    assert isinstance(e.read_entry("run_parked", -1, '{"why":"x"}'), e.Unreadable)


def test_a_record_in_an_old_shape_keeps_its_bytes_and_its_place_in_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(entries._UPCASTS, ("run_parked", 1), lambda data: {**data, "x": 1})
    assert first_break(CHAIN) is None
    assert CHAIN[3].body == '{"reason":"why"}'


@given(st.text(), st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.integers(1, 9))
def test_every_entry_survives_the_way_through_the_journal(cause: str, text: str, number: int) -> None:
    entry = e.AttemptFinished(stage="builder", number=number, status=AgentStatus.LOST, summary=text, commit=BASE)
    record = seal("r", 1, GENESIS, cause, at(number), entry)
    assert record.entry == entry
    assert Record.model_validate_json(record.model_dump_json()) == record
    assert first_break([record]) is None


def test_a_subject_is_named_by_all_that_it_is() -> None:
    one = subject()
    changed: list[dict[str, str]] = [
        {"run_id": "x"},
        {"gate": "plan"},
        {"head": "x"},
        {"artifacts_digest": "x"},
        {"diff_digest": "x"},
    ]
    digests = {one.digest, *(one.model_copy(update=change).digest for change in changed)}
    assert len(digests) == 6
    assert all(len(digest) == 12 for digest in digests)


def test_every_kind_of_entry_has_a_name_of_its_own() -> None:
    kinds = [kind.model_fields["kind"].default for kind in e.Recorded.__args__]
    assert len(kinds) == len(set(kinds))
    assert e.Approved(gate="g", round=1, by=MONA, head=ONE, given_at=at(0)).kind == "approved"
