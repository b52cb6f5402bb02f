"""What is still to come at open gates."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table. An older release leaves it alone: what it opened has its delayed workflow only."""
    op.create_table(
        "timers",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("timer", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"]),
        sa.PrimaryKeyConstraint("run_id", "gate", "round", "timer"),
    )
    op.create_index("timers_by_time", "timers", ["due_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("timers_by_time", table_name="timers")
    op.drop_table("timers")
