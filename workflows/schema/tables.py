"""The tables, in SQLAlchemy Core. `entries` is the truth; runs, attempts, gates and costs are projections of it,
written in the transaction of the append, for people and SELECTs; `archived_runs` are the tombstones of runs whose
entries are in files now. Times are ISO 8601 UTC text."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()
UNFINISHED = text("finished_at IS NULL")
TO_BE_SHOWN = text("publisher IS NOT NULL")

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("event", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("received_at", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("tries", Integer, nullable=False, server_default="1"),
    Column("processed_at", Text),
    CheckConstraint("status IN ('received', 'processed', 'failed')", name="deliveries_status"),
    # Counting and removing reads no payloads.
    Index("deliveries_by_status", "status", "received_at"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("repo", Text, nullable=False),
    Column("issue", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("parent", Text),
    Column("title", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("waiting_for", Text),
    Column("is_open", Boolean, nullable=False),
    Column("pull_number", Integer),
    Column("head_seq", Integer, nullable=False),
    Column("head_hash", Text, nullable=False),
    Column("cost_usd", Float, nullable=False, server_default="0"),
    Column("publisher", Text),
    Column("started_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("last_error", Text),
    Index("runs_of_issue", "repo", "issue"),
    Index("runs_of_pull_request", "repo", "pull_number"),
    # All that the sweep and the reconciler ask of the runs, so that those that are over cost nothing.
    Index("open_runs", "is_open", "waiting_for", "repo", "started_at", "run_id"),
    Index("runs_to_be_shown", "publisher", sqlite_where=TO_BE_SHOWN, postgresql_where=TO_BE_SHOWN),
    Index(
        "one_open_run_an_issue",
        "repo",
        "issue",
        unique=True,
        sqlite_where=text("is_open AND parent IS NULL"),
        postgresql_where=text("is_open AND parent IS NULL"),
    ),
)

archived_runs = Table(
    "archived_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("repo", Text, nullable=False),
    Column("issue", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("parent", Text),
    Column("title", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("pull_number", Integer),
    Column("outcome", Text, nullable=False),
    Column("cost_usd", Float, nullable=False),
    Column("head_seq", Integer, nullable=False),
    Column("head_hash", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("ended_at", Text, nullable=False),
    Column("archived_at", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Index("archived_runs_of_issue", "repo", "issue"),
)

entries = Table(
    "entries",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("cause", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("run_id", "cause", name="a_cause_once"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("cause", Text, primary_key=True),
    Column("run_id", Text),
    Column("decision", Text, nullable=False),
    Column("at", Text, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("finished_at", Text),
    Column("stop_reason", Text),
    Column("commit_sha", Text),
    Column("seconds", Float),
    Column("restarts", Integer, nullable=False, server_default="0"),
    Index(
        "live_attempts",
        "run_id",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
)

costs = Table(
    "costs",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("usd", Float, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
)

gates = Table(
    "gates",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("gate", Text, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("head", Text, nullable=False),
    Column("approvals", Text, nullable=False, server_default=""),
    Column("opened_at", Text, nullable=False),
    Column("closed_at", Text),
)

timers = Table(
    "timers",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("gate", Text, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("timer", Text, primary_key=True),
    Column("due_at", Text, nullable=False),
    Index("timers_by_time", "due_at"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("repo", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("usd", Float, nullable=False),
)

reservations = Table(
    "reservations",
    metadata,
    Column("key", Text, primary_key=True),
    Column("run_id", Text, ForeignKey("runs.run_id"), nullable=False),
    Column("repo", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("usd", Float, nullable=False),
    Column("settled_usd", Float),
)

deployments = Table(
    "deployments",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("commit_sha", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("release", Text),
    Column("detail", Text, nullable=False, server_default=""),
    Column("url", Text),
    Column("started_at", Text, nullable=False),
    Column("finished_at", Text),
    Index(
        "unfinished_deployments",
        "run_id",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
)

effects = Table(
    "effects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("run_id", Text),
    Column("kind", Text, nullable=False),
    Column("intended_at", Text, nullable=False),
    Column("intended", Text, nullable=False, server_default=""),
    Column("remote_id", Text),
    Column("done_at", Text),
    Column("repaired", Integer, nullable=False, server_default="0"),
    Column("tried_again_at", Text),
    Column("look_again_at", Text),
    Index("effects_of_run", "run_id"),
)

surfaces = Table(
    "surfaces",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("surface", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("published_at", Text, nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("key", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("claimed_by", Text, nullable=False),
    Column("claimed_at", Text, nullable=False),
)

watermarks = Table(
    "watermarks",
    metadata,
    Column("repo", Text, primary_key=True),
    Column("read_until", Text, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("executor_id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("pid_started_at", Float, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("heartbeat_at", Float, nullable=False),
    Column("lease_seconds", Float),
    Column("pid_start_time", Float),
    Column("machine", Text),
    Column("declared_dead_at", Float),
    Column("gone_at", Float),
    Column("woke_up_at", Float),
)
