"""Workers say how long their lease is, and on which machine they work; who was declared dead keeps its row."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns. An older release leaves them empty, and judges as it did."""
    op.add_column("workers", sa.Column("machine", sa.Text(), nullable=True))
    for name in ("lease_seconds", "pid_start_time", "declared_dead_at", "gone_at", "woke_up_at"):
        op.add_column("workers", sa.Column(name, sa.Float(), nullable=True))
