"""Trouble on demand: rules for webhooks, faults for requests, lists that lag. Kept in the database."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from bot.localhub.store import Store


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _compiles(pattern: str | None) -> str | None:
    try:
        re.compile(pattern or "")
    except re.error as problem:
        raise ValueError(f"not a regular expression: {problem}") from None
    return pattern


class WebhookRule(_Rule):
    """What becomes of the next deliveries that match; `times` None: all of them, until cleared."""

    event: str | None = None
    action: str | None = None
    do: Literal["drop", "delay", "duplicate", "hold"]
    seconds: float = Field(1.0, ge=0)
    times: int | None = Field(1, ge=1)


class Fault(_Rule):
    """What goes wrong with the next requests that match. `before`: nothing happens; `after`: it takes effect
    and then the answer is replaced (status), lost (drop) or late (delay). `skip` lets the first ones pass;
    `caller` limits it to requests under one kind of credentials."""

    method: str | None = None
    path_regex: str | None = None
    caller: Literal["app", "installation", "person", "anonymous"] | None = None
    when: Literal["before", "after"] = "before"
    kind: Literal["status", "drop", "delay"] = "status"
    status: int = Field(502, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    message: str | None = None
    seconds: float = Field(1.0, ge=0)
    skip: int = Field(0, ge=0)
    times: int | None = Field(1, ge=1)

    _pattern = field_validator("path_regex")(_compiles)

    def matches(self, method: str, path: str, caller: str) -> bool:
        """Whether this fault is about such a request."""
        return (
            (self.method is None or self.method.upper() == method)
            and (self.path_regex is None or re.search(self.path_regex, path) is not None)
            and (self.caller is None or self.caller == caller)
        )


class Lag(_Rule):
    """GETs of lists whose path matches do not show what is younger than `seconds`."""

    path_regex: str
    seconds: float = Field(ge=0)

    _pattern = field_validator("path_regex")(_compiles)


_RULES = TypeAdapter(list[WebhookRule])
_FAULTS = TypeAdapter(list[Fault])
_LAGS = TypeAdapter(list[Lag])


def _load(store: Store, name: str) -> str:
    value = store.value("SELECT value FROM controls WHERE name = ?", name)
    return "[]" if value is None else str(value)


def _save(store: Store, name: str, value: bytes) -> None:
    store.run("INSERT OR REPLACE INTO controls VALUES (?, ?)", name, value.decode())


def webhook_rules(store: Store) -> list[WebhookRule]:
    """The rules still in force, oldest first."""
    return _RULES.validate_json(_load(store, "webhooks"))


def save_webhook_rules(store: Store, rules: list[WebhookRule]) -> None:
    """Replace all rules."""
    _save(store, "webhooks", _RULES.dump_json(rules))


def take_webhook_rule(store: Store, event: str, action: str | None) -> WebhookRule | None:
    """The first rule about this delivery, used up by one."""
    rules = webhook_rules(store)
    for index, rule in enumerate(rules):
        if rule.event in (None, event) and rule.action in (None, action):
            if rule.times is not None:
                left = [] if rule.times == 1 else [rule.model_copy(update={"times": rule.times - 1})]
                save_webhook_rules(store, rules[:index] + left + rules[index + 1 :])
            return rule
    return None


def faults(store: Store) -> list[Fault]:
    """The faults still in force, oldest first."""
    return _FAULTS.validate_json(_load(store, "faults"))


def save_faults(store: Store, remaining: list[Fault]) -> None:
    """Replace all faults."""
    _save(store, "faults", _FAULTS.dump_json(remaining))


def take_fault(store: Store, method: str, path: str, caller: str) -> Fault | None:
    """The fault that befalls this request, used up by one. Every fault that matches and still skips, counts."""
    kept: list[Fault] = []
    struck: Fault | None = None
    changed = False
    for fault in faults(store):
        if struck is None and fault.matches(method, path, caller):
            if fault.skip:
                fault, changed = fault.model_copy(update={"skip": fault.skip - 1}), True
            else:
                struck = fault
                if fault.times is not None:
                    changed = True
                    if fault.times == 1:
                        continue
                    fault = fault.model_copy(update={"times": fault.times - 1})
        kept.append(fault)
    if changed:
        save_faults(store, kept)
    return struck


def lags(store: Store) -> list[Lag]:
    """The lags in force."""
    return _LAGS.validate_json(_load(store, "lags"))


def save_lags(store: Store, all_lags: list[Lag]) -> None:
    """Replace all lags."""
    _save(store, "lags", _LAGS.dump_json(all_lags))


def lag_seconds(store: Store, path: str) -> float:
    """How far behind a list at `path` is."""
    return max((lag.seconds for lag in lags(store) if re.search(lag.path_regex, path)), default=0.0)
