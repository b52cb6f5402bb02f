"""The program behind the agent `scripted`: picks the rule that fits the request, plays it, and answers.

Run by its path, standard library only. Reads `{"request": AgentRequest, "rules": [Rule, …]}` on stdin (see
`bot.adapters.agents.script` for the rules) and answers in the file named by ISSUEWRIGHT_RESULT."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

Json = dict[str, Any]


class CannotPlay(Exception):
    """The script's action does not fit the workspace; the message says why."""


def main() -> int:
    """Play the request on stdin; returns the exit code."""
    play = json.load(sys.stdin)
    request, rules = play["request"], play["rules"]
    workspace = Path.cwd().resolve()
    for rule in rules:
        matched = fits(rule["when"], request, workspace)
        if matched is not None:
            return perform(rule, request, workspace, matched)
    answer("agent_error", detail=no_rule(request, len(rules)))
    return 0


def fits(when: Json, request: Json, workspace: Path) -> list[Json] | None:
    """Whether a condition holds: the feedback that it is about (maybe none), or None when it does not
    hold."""
    attempt, feedback = request["attempt"], request["feedback"]
    if when["stage"] not in (None, attempt["stage"]) or when["attempt"] not in (None, attempt["number"]):
        return None
    if when["no_feedback"] is not None and when["no_feedback"] == bool(feedback):
        return None
    if when["feedback_source"] is not None or when["feedback_mentions"] is not None:
        feedback = [one for one in feedback if _is_meant(when, one)]
        if not feedback:
            return None
    for path, text in when["workspace_contains"].items():
        try:
            file = inside(workspace, path, request)
        except CannotPlay:
            return None
        if not file.is_file() or text not in file.read_text("utf-8", "replace"):
            return None
    return list(feedback)


def _is_meant(when: Json, feedback: Json) -> bool:
    if when["feedback_source"] not in (None, feedback["source"]):
        return False
    wanted = when["feedback_mentions"]
    if wanted is None:
        return True
    text = told(feedback)
    if len(wanted) > 2 and wanted.startswith("/") and wanted.endswith("/"):
        return re.search(wanted[1:-1], text) is not None
    return wanted.casefold() in text.casefold()


def told(feedback: Json) -> str:
    """One feedback as text: its name, its reason and every finding with its place."""
    lines = [f"{feedback['name']}: {feedback['reason']}"]
    for finding in feedback["findings"]:
        place = f"{finding['path']}:{finding['line']}: " if finding["path"] else ""
        lines.append(f"{place}{finding['message']}")
    return "\n".join(lines)


def perform(rule: Json, request: Json, workspace: Path, matched: list[Json]) -> int:
    """Play one rule; returns the program's exit code."""
    summary = filled(rule["says"], request, matched)
    cost = {"cost_usd": rule["costs"]}
    cost |= {"input_tokens": rule["tokens"]["input"], "output_tokens": rule["tokens"]["output"]}

    def interrupted(number: int, frame: FrameType | None) -> NoReturn:
        answer("agent_error", summary=summary, detail="interrupted", **cost)
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if rule["ignores_signals"] else interrupted)
    progress(f"{request['role']} starts", **cost)
    try:
        change_files(rule, request, workspace)
    except (CannotPlay, OSError) as error:
        answer("agent_error", summary=summary, detail=str(error), **cost)
        return 0
    think(rule["thinks"])
    while rule["hangs"]:
        time.sleep(3600)
    if rule["exits"] is not None:
        return int(rule["exits"])
    if rule["fails"] is not None:
        answer("agent_error", summary=summary, detail=filled(rule["fails"], request, matched), **cost)
    else:
        answer("ok", summary=summary, **judgement(rule, request, matched), **cost)
    return 0


def judgement(rule: Json, request: Json, matched: list[Json]) -> Json:
    """What a rule says of others' work: opinion, findings, questions."""
    findings = [
        {**finding, "message": filled(finding["message"], request, matched), "path": placed(finding["path"], request)}
        for finding in rule["finds"]
    ]
    questions = [filled(question, request, matched) for question in rule["asks"]]
    return {"opinion": rule["opinion"], "findings": findings, "questions": questions}


def change_files(rule: Json, request: Json, workspace: Path) -> None:
    """Do what a rule says about files; raises CannotPlay where it does not fit."""
    for path, content in rule["writes"].items():
        file = inside(workspace, path, request)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")
    for path, content in rule["appends"].items():
        file = inside(workspace, path, request)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as stream:
            stream.write(content)
    for change in rule["replaces"]:
        file = inside(workspace, change["path"], request)
        text = file.read_text("utf-8") if file.is_file() else None
        if text is None or change["old"] not in text:
            found = "there is no such file" if text is None else f"it does not contain {change['old']!r}"
            raise CannotPlay(f"Cannot replace in {change['path']}: {found}.")
        file.write_text(text.replace(change["old"], change["new"]), "utf-8")
    for path in rule["deletes"]:
        inside(workspace, path, request).unlink(missing_ok=True)


def inside(workspace: Path, path: str, request: Json) -> Path:
    """A path of the script in the workspace; raises CannotPlay when a symbolic link leads out of it."""
    file = (workspace / str(placed(path, request))).resolve()
    if workspace not in file.parents:
        raise CannotPlay(f"{path} is outside the workspace.")
    return file


def placed(path: str | None, request: Json) -> str | None:
    """A path of the script with {output} and {folder} filled in; raises CannotPlay when the request has none."""
    if path is None:
        return None
    output = request["outputs"][0] if request["outputs"] else ""
    artifact = output or (request["inputs"][0] if request["inputs"] else "")
    for name, value in (("{output}", output), ("{folder}", os.path.dirname(artifact))):
        if name in path and not value:
            raise CannotPlay(f"{path}: the request names no such file, so {name} has no meaning.")
        path = path.replace(name, value)
    return path


def filled(text: str, request: Json, matched: list[Json]) -> str:
    """Fill in {title}, {feedback} and {reason}; in one pass, so that a value is never read as a
    placeholder."""
    values = {
        "title": request["title"],
        "feedback": "\n".join(told(one) for one in request["feedback"]) or "no feedback",
        "reason": (matched or request["feedback"] or [{"reason": "no reason"}])[-1]["reason"],
    }
    return re.sub(r"\{(title|feedback|reason)\}", lambda match: str(values[match[1]]), text)


def think(seconds: float) -> None:
    """Take time, showing signs of life."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        progress(f"thinking, {left:.1f} s to go")
        time.sleep(min(left, 0.2))


def progress(message: str, **more: float) -> None:
    """Print a line that the supervisor understands."""
    sys.stdout.write(json.dumps({"event": "progress", "message": message, **more}) + "\n")
    sys.stdout.flush()


def no_rule(request: Json, rules: int) -> str:
    """Say what was asked, so that the script's author sees which rule is missing."""
    attempt = request["attempt"]
    feedback = "; ".join(told(one) for one in request["feedback"]) or "none"
    return (
        f"The script has no answer: role {request['role']}, stage {attempt['stage']}, attempt {attempt['number']}, "
        f"{request['title']!r}, feedback: {feedback}. None of its {rules} rules for this role fits."
    )


def answer(status: str, **more: object) -> None:
    """Write the answer in one step: a half-written one would be read as broken."""
    path = os.environ["ISSUEWRIGHT_RESULT"]
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump({"status": status, **more}, file)
    os.replace(f"{path}.new", path)


if __name__ == "__main__":
    sys.exit(main())
