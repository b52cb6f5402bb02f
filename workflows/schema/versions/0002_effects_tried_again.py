"""Effects remember when they were tried again, and when to look whether that made two of them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("effects", sa.Column("tried_again_at", sa.Text(), nullable=True))
    op.add_column("effects", sa.Column("look_again_at", sa.Text(), nullable=True))
