"""What a validation problem means to whoever wrote the file: one sentence, which says what to write instead."""

import difflib
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic_core import ErrorDetails

from bot.domain.wording import quoted

Place = tuple[str | int, ...]


def place_of(problem: ErrorDetails) -> Place:
    """Where in the file the problem is: its keys and positions, without the validator's own marks."""
    return tuple(part for part in problem["loc"] if not _is_mark(part))


def explain(problem: ErrorDetails, model: type[BaseModel]) -> str:
    """The problem as a sentence without its subject, such as "must be greater than 0"."""
    if problem["type"] == "extra_forbidden":
        return _not_a_setting(problem, model)
    sentence = _SENTENCES.get(problem["type"])
    if sentence is None:
        return str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return sentence(problem)


def _is_mark(part: str | int) -> bool:
    """A union's member, as `(gate)`, or a key rather than its value, as `[key]`."""
    return isinstance(part, str) and (part[:1], part[-1:]) in {("(", ")"), ("[", "]")}


def _not_a_setting(problem: ErrorDetails, model: type[BaseModel]) -> str:
    *parents, name = problem["loc"]
    known = _settings_at(model, parents)
    nearest = _nearest(str(name), known)
    if nearest is not None:
        return f"is not a setting: did you mean `{nearest}`?"
    if not known:
        return "is not a setting: remove it"
    return f"is not a setting: use one of {_listed(known)}, or remove it"


def _missing(problem: ErrorDetails) -> str:
    return f"is missing: add `{problem['loc'][-1]}: …`"


def _literal(problem: ErrorDetails) -> str:
    expected = str(problem["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
    nearest = _nearest(str(problem["input"]), expected)
    hint = f": did you mean `{nearest}`?" if nearest else ""
    one = "one of " if len(expected) > 1 else ""
    return f"must be {one}{_listed(expected)}, not {quoted(str(problem['input']))}{hint}"


def _text(problem: ErrorDetails) -> str:
    if isinstance(problem["input"], (dict, list)):
        return "must be text, not a list or settings of its own"
    if problem["input"] is None:
        return "must be text, but nothing follows it: write the text, or remove the setting"
    # YAML reads `no`, `1.10` and `2026-01-01` as something else than text.
    return 'must be text: put it in quotes, as in `"…"`'


def _settings(problem: ErrorDetails) -> str:
    return "must hold settings of its own, as `name: value`, indented below it"


def _sequence(problem: ErrorDetails) -> str:
    return "must be a list: one `- …` a line, or `[…, …]`"


def _number(problem: ErrorDetails) -> str:
    return f"must be a number, not {quoted(str(problem['input']))}"


def _whole_number(problem: ErrorDetails) -> str:
    return f"must be a whole number, not {quoted(str(problem['input']))}"


def _boolean(problem: ErrorDetails) -> str:
    return f"must be `true` or `false`, not {quoted(str(problem['input']))}"


def _pattern(problem: ErrorDetails) -> str:
    pattern = str(problem["ctx"]["pattern"])
    return f"must {_PATTERNS.get(pattern, f'match the pattern `{pattern}`')}, not {quoted(str(problem['input']))}"


def _too_few(problem: ErrorDetails) -> str:
    fewest = problem["ctx"]["min_length"]
    return "is empty: write something there" if fewest == 1 else f"needs at least {fewest} entries"


def _too_long(problem: ErrorDetails) -> str:
    return f"is too long: {problem['ctx']['max_length']} characters at most"


def _bound(words: str, bound: str) -> Callable[[ErrorDetails], str]:
    return lambda problem: f"must be {words} {problem['ctx'][bound]}, not {quoted(str(problem['input']))}"


_PATTERNS = {r"^https?://": "begin with `http://` or `https://`"}
"""What the patterns of our settings allow, in words."""

_SENTENCES: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": _missing,
    "literal_error": _literal,
    "string_type": _text,
    "invalid_key": _text,
    "model_type": _settings,
    "dict_type": _settings,
    "tuple_type": _sequence,
    "float_type": _number,
    "float_parsing": _number,
    "finite_number": _number,
    "int_type": _whole_number,
    "int_parsing": _whole_number,
    "int_from_float": _whole_number,
    "bool_type": _boolean,
    "bool_parsing": _boolean,
    "string_pattern_mismatch": _pattern,
    "too_short": _too_few,
    "string_too_short": _too_few,
    "string_too_long": _too_long,
    "greater_than": _bound("greater than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
}


def _nearest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _settings_at(model: type[BaseModel], parents: Iterable[str | int]) -> list[str]:
    """The settings that are known at that place of the file; none where any name may stand."""
    kind: Any = model
    for part in parents:
        kind = _member(_plain(kind), part)
    kind = _plain(kind)
    return sorted(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _member(kind: Any, part: str | int) -> Any:
    """What a field, a key, a position or a union's mark leads to."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(part))
        return field.annotation if field else None
    if get_origin(kind) is Union:
        return next((m for m in get_args(kind) if Tag(str(part)) in getattr(m, "__metadata__", ())), None)
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        return arguments[1]
    return arguments[0] if arguments else None


def _plain(kind: Any) -> Any:
    """The type without annotations and without `| None`."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
            continue
        members = [member for member in get_args(kind) if member is not type(None)]
        if len(members) == 1 and len(get_args(kind)) == 2:
            kind = members[0]
            continue
        return kind
