"""The part of GraphQL that clients send: one operation, fields, arguments, variables, fragments on types."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\.\.\.|-?\d+(?:\.\d+)?|\$?[A-Za-z_]\w*|[{}()\[\]:!=@|]')
_IGNORED = re.compile(r"[\s,]+|#[^\n]*")


class SyntaxProblem(Exception):
    """The query is not GraphQL as far as it is understood here."""


@dataclass
class Field:
    """A field of a selection; `on` is the type of the inline fragment around it, None when there is none."""

    name: str
    alias: str
    arguments: dict[str, Any]
    selection: list["Field"] = field(default_factory=list)
    on: str | None = None


@dataclass
class Operation:
    """A query or a mutation and what it asks for."""

    kind: str
    selection: list[Field]


def parse(query: str, variables: dict[str, Any]) -> Operation:
    """Read a query with its variables filled in; raises SyntaxProblem."""
    return _Parser(query, variables).operation()


class _Parser:
    def __init__(self, query: str, variables: dict[str, Any]) -> None:
        self._variables = variables
        self._tokens: list[str] = []
        position = 0
        while position < len(query):
            if ignored := _IGNORED.match(query, position):
                position = ignored.end()
                continue
            token = _TOKEN.match(query, position)
            if token is None:
                raise SyntaxProblem(f"unexpected {query[position]!r}")
            self._tokens.append(token.group())
            position = token.end()
        self._at = 0

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self, expected: str | None = None) -> str:
        token = self._peek()
        if not token or (expected is not None and token != expected):
            raise SyntaxProblem(f"expected {expected or 'more'}, found {token or 'the end'}")
        self._at += 1
        return token

    def operation(self) -> Operation:
        kind = "query"
        if self._peek() != "{":
            kind = self._next()
            if kind not in ("query", "mutation"):
                raise SyntaxProblem(f"{kind} is not supported")
            while self._peek() not in ("{", "(", ""):
                self._next()
            if self._peek() == "(":  # the variables' types: the values speak for themselves
                while self._next() != ")":
                    pass
        return Operation(kind, self._selection(None))

    def _selection(self, on: str | None) -> list[Field]:
        self._next("{")
        fields: list[Field] = []
        while self._peek() != "}":
            if self._peek() == "...":
                self._next()
                inner = on
                if self._peek() == "on":
                    self._next()
                    inner = self._next()
                fields += self._selection(inner)
            else:
                fields.append(self._field(on))
        self._next("}")
        return fields

    def _field(self, on: str | None) -> Field:
        alias = name = self._next()
        if self._peek() == ":":
            self._next()
            name = self._next()
        arguments: dict[str, Any] = {}
        if self._peek() == "(":
            self._next()
            while self._peek() != ")":
                key = self._next()
                self._next(":")
                arguments[key] = self._value()
            self._next(")")
        selection = self._selection(None) if self._peek() == "{" else []
        return Field(name, alias, arguments, selection, on)

    def _value(self) -> Any:
        token = self._next()
        if token == "{":
            found: dict[str, Any] = {}
            while self._peek() != "}":
                key = self._next()
                self._next(":")
                found[key] = self._value()
            self._next()
            return found
        if token == "[":
            items = []
            while self._peek() != "]":
                items.append(self._value())
            self._next()
            return items
        if token.startswith("$"):
            return self._variables.get(token[1:])
        if token in ("true", "false", "null") or token[0] in '"-0123456789':
            return json.loads(token)
        return token  # an enum's value
