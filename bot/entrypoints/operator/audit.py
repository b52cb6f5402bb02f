"""`issuewright audit`: whether journals, commits and tables agree."""

import sys
from pathlib import Path

import click

from bot.entrypoints.operator.opening import FOUND_PROBLEMS, as_json, in_directory, opened
from bot.entrypoints.operator.output import clean, print_json


@click.group("audit")
def audit_command() -> None:
    """Prove that the record of what happened is whole."""


@audit_command.command("verify")
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--rebuild", is_flag=True, help="Write tables that differ from the journal anew.")
@click.option(
    "--archive",
    "archives",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Compare an archived run's file instead, wherever it is now (repeatable).",
)
@as_json
@in_directory
def verify_command(
    run_id: str | None, rebuild: bool, archives: tuple[Path, ...], json_wanted: bool, directory: Path
) -> None:
    """Verify one run's record, or everybody's; exits with 1 when something does not agree.

    Each journal is a chain of hashes. The commits of its attempts name the entry that each began with, so they are
    compared as far as this machine's mirrors have them. What the tables say of a run has to be what its journal says;
    with --rebuild it is made so (never from a journal that is broken). Of an archived run the file is compared with the
    hash that the database has kept.

    \b
    Examples:
      issuewright audit verify
      issuewright audit verify acme--tally--7 --rebuild
      issuewright audit verify --archive data/archive/acme--tally--7.1f0c2d3e4a5b.jsonl
    """
    if archives and (run_id or rebuild):
        raise click.UsageError("--archive compares files, and nothing else")
    with opened(directory) as (settings, database):
        from workflows.audit import audit, count_archived, verify_archive

        if archives:
            found = [verify_archive(database, file) for file in archives]
        else:
            found = list(audit(database, run_id=run_id, mirrors=settings.data_dir / "mirrors", rebuild=rebuild))
        archived = count_archived(database)
    sound = all(run.is_sound for run in found)
    if json_wanted:
        print_json({"ok": sound, "runs": [run.model_dump(mode="json") for run in found], "archived": archived})
    else:
        for run in found:
            state = "ok" if run.is_sound else f"{len(run.problems)} problem(s)"
            mended = f", {run.rebuilt} place(s) in the tables rebuilt" if run.rebuilt else ""
            click.echo(f"{run.run_id}: {state} ({run.entries} entries, {run.commits} commits{mended})")
            for problem in run.problems:
                click.echo(f"  ! {clean(problem)}")
            for note in run.notes:
                click.echo(f"  · {clean(note)}")
        if not found:
            click.echo("There are no runs.")
        if archived and not archives and run_id is None:
            click.echo(f"{archived} more are archived: `--archive FILE` compares their files")
    if not sound:
        sys.exit(FOUND_PROBLEMS)
