"""Indexes of what is open: many runs wait, and more are over, but few have something that should be moving."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("runs_of_pull_request", "runs", ["repo", "pull_number"])
    op.create_index("open_runs", "runs", ["is_open", "waiting_for", "repo", "started_at", "run_id"])
    shown = sa.text("publisher IS NOT NULL")
    op.create_index("runs_to_be_shown", "runs", ["publisher"], sqlite_where=shown, postgresql_where=shown)
    unfinished = sa.text("finished_at IS NULL")
    for name, table in (("live_attempts", "attempts"), ("unfinished_deployments", "deployments")):
        op.create_index(name, table, ["run_id"], sqlite_where=unfinished, postgresql_where=unfinished)
