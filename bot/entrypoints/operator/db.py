"""`issuewright db`: the one database, its state, its schema, its backups."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.entrypoints.operator.opening import FOUND_PROBLEMS, as_json, in_directory, opened
from bot.entrypoints.operator.output import ago, print_facts, print_json, print_table, size

if TYPE_CHECKING:
    from workflows.maintenance import DatabaseStatus, Oldest

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group("db")
def db_command() -> None:
    """See to the database: its state, its schema, its backups."""


@db_command.command("status")
@as_json
@in_directory
def status_command(json_wanted: bool, directory: Path) -> None:
    """Say which database it is, how full, who works on it, and what waits; exits with 1 when its schema is another
    release's.

    \b
    Examples:
      issuewright db status --dir /srv/issuewright
      issuewright db status --json | jq '.workers[] | select(.alive)'
    """
    with opened(directory, schema=False) as (_, database):
        from workflows.maintenance import database_status

        found = database_status(database)
    if json_wanted:
        print_json(found.model_dump(mode="json"))
    else:
        _print(found)
    if not found.is_current:
        click.echo("issuewright: the schema is not this release's: see `issuewright db migrate --help`", err=True)
        sys.exit(FOUND_PROBLEMS)


@db_command.command("migrate")
@in_directory
def migrate_command(directory: Path) -> None:
    """Bring the database to this release's schema, as a service that starts does.

    \b
    Example:
      issuewright db backup before.db && issuewright db migrate
    """
    with opened(directory, schema=False) as (_, database):
        from workflows.maintenance import refuse_newer
        from workflows.runtime import prepare_system_tables
        from workflows.schema.migrate import current_revision, migrate

        before = refuse_newer(database)
        migrate(database)
        prepare_system_tables(database)
        after = current_revision(database)
    click.echo(f"schema: {after}" if before == after else f"schema: {before or 'none'} → {after}")


@db_command.command("check")
@as_json
@in_directory
def check_command(json_wanted: bool, directory: Path) -> None:
    """Look for damage; exits with 1 when there is some.

    Looks at SQLite's own integrity and mode, at rows whose run is not there, at every journal's chain of hashes, and
    whether what the tables say is what the journals say. Harmless while the service works.

    \b
    Example:
      issuewright db check || echo "the night is over"
    """
    with opened(directory, schema=False) as (_, database):
        from workflows.maintenance import check_database

        problems = list(check_database(database))
    if json_wanted:
        print_json({"ok": not problems, "problems": problems})
    else:
        for problem in problems:
            click.echo(f"issuewright: {problem}", err=True)
        if not problems:
            click.echo("ok")
    if problems:
        sys.exit(FOUND_PROBLEMS)


@db_command.command("backup")
@_FILE
@in_directory
def backup_command(file: Path, directory: Path) -> None:
    """Copy the database to FILE while the service works.

    From SQLite a database, from PostgreSQL an archive for pg_restore (needs pg_dump). An existing FILE is left alone.

    \b
    Example:
      issuewright db backup "/backups/issuewright-$(date +%F).db"
    """
    with opened(directory, schema=False) as (_, database):
        from workflows.backups import back_up

        written = back_up(database, file)
    click.echo(f"{file}: {size(written)}")


@db_command.command("restore")
@_FILE
@in_directory
def restore_command(file: Path, directory: Path) -> None:
    """Put the backup FILE in the database's place (SQLite; the service must be stopped).

    The database before is kept beside it. The service then looks on GitHub for what it may have done since the backup,
    before it does it.

    \b
    Example:
      issuewright db restore /backups/issuewright-2026-11-20.db
    """
    with opened(directory, schema=False) as (_, database):
        from workflows.backups import restore

        kept = restore(database, file)
    click.echo("restored" if kept is None else f"restored; the database before is in {kept}")


@db_command.command("restored")
@in_directory
def restored_command(directory: Path) -> None:
    """Say that the database was brought back from a backup by other means (pg_restore, a snapshot of a disk).

    The service then looks on GitHub for what it may have done since the backup, before it does it. Run it before the
    service starts.

    \b
    Example:
      pg_restore --clean --if-exists --dbname issuewright archive && issuewright db restored
    """
    with opened(directory) as (_, database):
        from workflows.backups import restored

        restored(database)
    click.echo("noted: what the database does not know is looked for before it is done")


@db_command.command("archive")
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Runs that ended so long ago (default: `keep_runs_days` of [retention]).",
)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the files go (default: `archive_dir` of [retention]).",
)
@click.option("--dry-run", is_flag=True, help="Only say which runs these are.")
@as_json
@in_directory
def archive_command(
    older_than: float | None, target: Path | None, dry_run: bool, json_wanted: bool, directory: Path
) -> None:
    """Move runs that are over out of the database, into files of JSON lines.

    Each run becomes a file as `runs export` prints it. A tombstone with the hash of its last entry stays, so that
    `audit verify --archive FILE` can tell whether the file is what it was, and nothing that was said in the run counts
    again. Open runs are never touched, nor is a repository's last good deployment. May be interrupted and repeated, and
    called while the service works.

    \b
    Examples:
      issuewright db archive --older-than 90 --dry-run
      issuewright db archive --older-than 90 --to /srv/archive
    """
    with opened(directory) as (settings, database):
        from bot.domain.errors import UserError
        from workflows.archive import archivable, archive_run
        from workflows.retention import days_ago

        days = settings.retention.keep_runs_days if older_than is None else older_than
        if days is None:
            raise UserError("how old? Say --older-than DAYS, or set `keep_runs_days` in [retention] of service.toml")
        found = archivable(database, ended_before=days_ago(days))
        if not dry_run:
            place = (target or settings.archive_dir).resolve()
            done = (archive_run(database, each.run_id, place) for each in found)
            found = [each for each in done if each is not None]
    if json_wanted:
        print_json({"dry_run": dry_run, "runs": [each.model_dump(mode="json") for each in found]})
        return
    rows = [(each.run_id, each.outcome, ago(each.ended_at), each.entries, each.file) for each in found]
    print_table(("run", "outcome", "ended", "entries", "file"), rows)
    click.echo(f"{len(found)} run(s) {'would be ' if dry_run else ''}archived")


def _print(found: "DatabaseStatus") -> None:
    print_facts(
        (
            ("database", found.url),
            ("schema", f"{found.revision or 'none'} (this release: {found.newest_revision})"),
            ("size", size(found.size_bytes)),
            ("WAL", size(found.wal_bytes)),
            *(_contents(found) if found.is_current else ()),
        )
    )
    rows = [
        (worker.host, worker.pid, "alive" if worker.alive else "dead", f"{worker.beat_seconds_ago:.0f} s ago")
        for worker in found.workers
    ]
    print_table(("host", "process", "state", "last beat"), rows, title="Workers")


def _contents(found: "DatabaseStatus") -> tuple[tuple[str, object], ...]:
    return (
        ("runs", _counted(found.runs)),
        ("archived", f"{found.archived_runs} runs" if found.archived_runs else ""),
        ("agents at work", found.agents_at_work),
        ("deliveries", _counted(found.deliveries)),
        ("oldest unread", _since(found.oldest_delivery)),
        ("oldest waiting", _since(found.oldest_waiting)),
        ("effects begun", found.unfinished_effects),
        ("workers", f"{sum(worker.alive for worker in found.workers)} alive"),
    )


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def _since(oldest: "Oldest | None") -> str:
    return f"{oldest.name}, for {ago(oldest.since)}: {oldest.waiting_for}" if oldest else ""
