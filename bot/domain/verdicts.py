"""Outcomes of deterministic checks."""

from enum import StrEnum

from bot.domain.agents import Finding
from bot.domain.values import Value


class Outcome(StrEnum):
    """What a check found. Only FAIL keeps work from being handed on."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"


class Verdict(Value):
    """One check's judgement of one attempt: a readable sentence, and the evidence behind it."""

    check: str
    outcome: Outcome
    summary: str
    findings: tuple[Finding, ...] = ()

    @classmethod
    def ok(cls, check: str, summary: str) -> "Verdict":
        return cls(check=check, outcome=Outcome.PASS, summary=summary)

    @classmethod
    def fail(cls, check: str, summary: str, findings: tuple[Finding, ...] = ()) -> "Verdict":
        return cls(check=check, outcome=Outcome.FAIL, summary=summary, findings=findings)

    @classmethod
    def warn(cls, check: str, summary: str, findings: tuple[Finding, ...] = ()) -> "Verdict":
        return cls(check=check, outcome=Outcome.WARN, summary=summary, findings=findings)

    @property
    def refuses(self) -> bool:
        """Whether this verdict keeps the attempt's work from being handed on."""
        return self.outcome is Outcome.FAIL
