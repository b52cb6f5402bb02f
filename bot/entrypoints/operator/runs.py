"""`issuewright runs`: what runs do, what they wait for, and the two commands that an operator may give them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.entrypoints.operator.opening import as_json, in_directory, opened
from bot.entrypoints.operator.output import ago, print_facts, print_json, print_table, short

if TYPE_CHECKING:
    from workflows.queries import RunDetails

_RUN = click.argument("run_id", metavar="RUN")


@click.group("runs")
def runs_command() -> None:
    """See runs, and help those that are stuck.

    RUN is a run's name: acme--tally--7 is the first run of issue 7 in acme/tally, acme--tally--7-2 the second.
    """


@runs_command.command("list")
@click.option("--all", "closed_too", is_flag=True, help="Also runs that are over.")
@click.option("--repo", metavar="OWNER/NAME", help="Only this repository's.")
@as_json
@in_directory
def list_command(closed_too: bool, repo: str | None, json_wanted: bool, directory: Path) -> None:
    """List the open runs; what has stood still the longest comes first.

    \b
    Examples:
      issuewright runs list --dir /srv/issuewright
      issuewright runs list --all --repo acme/tally
      issuewright runs list --json | jq '.[] | select(.status == "parked")'
    """
    with opened(directory) as (_, database):
        from workflows.queries import list_runs

        found = list_runs(database, repo=repo, closed_too=closed_too)
    if json_wanted:
        print_json([line.model_dump(mode="json") for line in found])
        return
    if not found:
        click.echo("There are no runs." if closed_too else "No run is open.")
    columns = ("run", "status", "for", "cost", "waits for", "title")
    rows = [
        (
            line.run_id,
            "unreadable" if line.unreadable else line.status,
            ago(line.updated_at),
            f"${line.cost_usd:.2f}",
            short(line.unreadable or line.waiting_for),
            short(line.title),
        )
        for line in found
    ]
    print_table(columns, rows)


@runs_command.command("show")
@_RUN
@as_json
@in_directory
def show_command(run_id: str, json_wanted: bool, directory: Path) -> None:
    """Show one run: where it stands, what was tried, what the checks said, what it cost.

    \b
    Examples:
      issuewright runs show acme--tally--7
      issuewright runs show acme--tally--7 --json | jq .run.last_error
    """
    with opened(directory) as (_, database):
        from workflows.queries import show_run

        details = show_run(database, run_id)
    if json_wanted:
        print_json(details.model_dump(mode="json"))
    else:
        _print(details)


@runs_command.command("export")
@_RUN
@in_directory
def export_command(run_id: str, directory: Path) -> None:
    """Print a run's journal as JSON lines, every entry with what its hash is made of.

    \b
    Example:
      issuewright runs export acme--tally--7 > acme--tally--7.jsonl
    """
    with opened(directory) as (_, database):
        from workflows.queries import export_run

        for line in export_run(database, run_id):
            click.echo(line)


@runs_command.command("retry")
@_RUN
@click.option("--stage", default="", metavar="NAME", help="The stage to try again (default: the one that is stuck).")
@click.option("--note", default="", metavar="TEXT", help="What the agent should know.")
@in_directory
def retry_command(run_id: str, stage: str, note: str, directory: Path) -> None:
    """Have a run that is stuck try again, as `/retry` in a comment would.

    \b
    Examples:
      issuewright runs retry acme--tally--7
      issuewright runs retry acme--tally--7 --stage builder --note "the registry is back"
    """
    _give(directory, run_id, "retry", argument=stage, text=note)


@runs_command.command("rewind")
@_RUN
@click.option("--to", "step", metavar="STEP", help="The step to go on from (default: the one that failed).")
@in_directory
def rewind_command(run_id: str, step: str | None, directory: Path) -> None:
    """Execute an attempt or deployment that failed within again from one of its steps on.

    What the steps before have come to is kept: an agent that has given its result is not paid again. The steps of an
    attempt are prepare, agent, snapshot, judge, `hand on`, record. A worker does the same by itself a few times, from
    the step that failed; this is for when the cause is mended, or lies further back.

    \b
    Examples:
      issuewright runs rewind acme--tally--7
      issuewright runs rewind acme--tally--7 --to judge
    """
    with opened(directory) as (_, database):
        from workflows.journal import Journal
        from workflows.rewinding import rewind
        from workflows.runtime import connect_client
        from workflows.wake import Waker

        client = connect_client(database)
        rewound = rewind(client, Journal(database, Waker(client)).run(run_id), run_id, step)
    where = f"from the step `{rewound.step}` on" if rewound.step else "from where it was"
    click.echo(f"{rewound.workflow_id} is executed again {where}, as soon as a worker runs")


@runs_command.command("cancel")
@_RUN
@click.option("--why", default="", metavar="TEXT", help="The reason, for the journal.")
@in_directory
def cancel_command(run_id: str, why: str, directory: Path) -> None:
    """End a run for good, as `/cancel` in a comment would: its agent stops, its pull request is closed.

    \b
    Example:
      issuewright runs cancel acme--tally--7 --why "done by hand"
    """
    _give(directory, run_id, "cancel", argument=why)


def _give(directory: Path, run_id: str, verb: str, *, argument: str = "", text: str = "") -> None:
    with opened(directory) as (_, database):
        from workflows.journal import Journal
        from workflows.operator import command
        from workflows.runtime import connect_client
        from workflows.wake import Waker

        command(Journal(database, Waker(connect_client(database))), run_id, verb, argument, text)
    click.echo(f"{run_id}: `{verb}` is recorded; a worker acts on it at once, or as soon as one runs")


def _print(details: "RunDetails") -> None:
    run = details.run
    print_facts(
        (
            ("run", run.run_id),
            ("title", run.title),
            ("issue", f"{run.repo}#{run.issue}"),
            ("pull request", f"{run.repo}#{run.pull_number}" if run.pull_number else None),
            ("part of", details.parent),
            ("branch", f"{details.branch}{f' (from {details.base})' if details.base else ''}"),
            ("pipeline", run.pipeline),
            ("asked for by", details.started_by),
            ("status", f"{run.status}, for {ago(run.updated_at)}"),
            ("unreadable", run.unreadable),
            ("waits for", run.waiting_for),
            ("does next", ", ".join(details.next_moves)),
            ("last error", run.last_error),
            ("cost", f"${run.cost_usd:.2f}"),
            ("journal", f"{details.journal_entries} entries, up to {details.journal_hash[:12]}"),
        )
    )
    steps = [(step.name, step.kind, step.state, step.attempts or "") for step in details.steps]
    print_table(("step", "kind", "state", "attempts"), steps, title="Steps")
    tried = [
        (
            f"{each.stage} {each.number}",
            each.status if each.mode == "work" else f"{each.status} ({each.mode})",
            f"{each.seconds:.0f} s" if each.seconds is not None else f"since {ago(each.started_at)}",
            f"${each.cost_usd:.2f}",
            (each.commit or "")[:10],
            short(each.detail or each.summary),
        )
        for each in details.attempts
    ]
    print_table(("attempt", "status", "took", "cost", "commit", "what it said"), tried, title="Attempts")
    verdicts = [(f"{a.stage} {a.number}", v.check, v.outcome, v.summary) for a in details.attempts for v in a.verdicts]
    print_table(("attempt", "check", "outcome", "finding"), verdicts, title="Verdicts")
    gates = [(g["gate"], g["round"], g["state"], g["approvals"], g["head"][:10]) for g in details.gates]
    print_table(("gate", "round", "state", "approved by", "head"), gates, title="Gates")
    shipped = [
        (d["environment"], d["number"], d["status"], d["commit_sha"][:10], short(d["detail"]))
        for d in details.deployments
    ]
    print_table(("environment", "number", "status", "commit", "detail"), shipped, title="Deployments")
    begun = [(effect["kind"], ago(effect["intended_at"]), effect["key"]) for effect in details.unfinished_effects]
    print_table(("effect", "for", "key"), begun, title="Effects that were begun and not finished")
