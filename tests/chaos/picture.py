"""What a run left in the world, so normalised that two runs of the same kind can be compared."""

import difflib
import re
from collections import Counter
from typing import Any

from tests.chaos.evidence import Evidence
from tests.chaos.people import Spec, calls_of
from tests.stories.snapshot import snapshot_of_run
from tests.stories.world import World

Picture = dict[str, Any]
_TREE = re.compile(r"tree [0-9a-f]{40}")
_BEFORE_A_NUMBER = r"#|/|--|part_|part\\+_|PART = |PART, |!= |`|pull-request:"
_TESTS = re.compile(r"\b\d+(?= passed)|(?<=1 of )\d+(?= failed)")
"""Whoever comes later is tested together with what was merged before."""
_ORDER_MATTERS_NOT = ("comments", "journal")
_COUNTED = re.compile(r"(\bentry |\bhead:<sha>:|Issuewright-Journal: )\d+")
_MAY_BE_MISSING = "gate_opened"
"""The record of a gate whose comment people have seen, and decided on before the one that wrote it could record it: so
entries are also numbered differently."""


def picture(evidence: Evidence, spec: Spec) -> Picture:
    """What can be seen of the run, without what differs between two of a kind."""
    world = evidence.world
    number = spec.issue.number
    seen = snapshot_of_run(world, spec.issue)
    pull = next(iter(evidence.pulls(spec)), None)
    seen["files"] = _files(world, pull) if pull else ""
    seen["agent calls"] = calls_of(spec, evidence.calls)
    seen["deployments"] = sorted(each["environment"] for each in evidence.deployed(spec))
    numbers = {str(number): "<issue>", str(pull["number"]) if pull else "none": "<pull>"}
    plain: Picture = without_numbers(seen, numbers)
    for part in _ORDER_MATTERS_NOT:
        # Deliveries may come in any order, and a decision before or after the record of what it decides on.
        plain[part] = (
            journal_in_any_order(plain[part]) if part == "journal" else [sorted(map(str, p)) for p in plain[part]]
        )
    return plain


def journal_in_any_order(entries: list[list[str]]) -> list[str]:
    """The kinds and causes of entries, but for what may be missing."""
    return sorted(str(entry) for entry in entries if entry[0] != _MAY_BE_MISSING)


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Where two pictures differ, one line each."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        keys = sorted({*expected, *actual})
        return [line for key in keys for line in differences(expected.get(key), actual.get(key), f"{path}/{key}")]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual) and path != "/journal":
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for n, (one, other) in pairs for line in differences(one, other, f"{path}/{n}")]
    if isinstance(expected, list) and isinstance(actual, list):
        more, less = (Counter(map(str, a)) - Counter(map(str, b)) for a, b in ((actual, expected), (expected, actual)))
        lines = [f"{path}: unexpected {one}" for one in more.elements()]
        return lines + [f"{path}: missing {one}" for one in less.elements()]
    if expected == actual:
        return []
    if isinstance(expected, str) and isinstance(actual, str):
        one, other = (text.replace("\\n", "\n").splitlines() for text in (expected, actual))
        lines = list(difflib.unified_diff(one, other, lineterm="", n=0))[2:]
        return [f"{path}: {line}" for line in lines if not line.startswith("@@")]
    return [f"{path}: {expected!r} expected, {actual!r} found"]


def _files(world: World, pull: dict[str, Any]) -> str:
    """What the pull request changes, as a diff."""
    return world.git("diff", "--no-color", "-U0", f"{pull['base']['sha']}...refs/pull/{pull['number']}/head")


def without_numbers(value: Any, numbers: dict[str, str]) -> Any:
    """All texts in a value, with what is counted and the given numbers taken out."""
    if isinstance(value, dict):
        return {key: without_numbers(part, numbers) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_numbers(part, numbers) for part in value]
    if not isinstance(value, str):
        return value
    text = _COUNTED.sub(r"\1<n>", _TREE.sub("tree <sha>", value))
    text = re.sub(r"index [0-9a-f]+\.\.[0-9a-f]+", "index", text)
    for number, name in numbers.items():
        # Where our own texts and the agents' files name the issue or the pull request.
        text = re.sub(rf"({_BEFORE_A_NUMBER}){number}(?!\d)", rf"\g<1>{name}", text)
    return _TESTS.sub("<n>", text)
