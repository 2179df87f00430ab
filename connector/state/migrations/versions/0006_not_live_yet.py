"""a store that no run, sync or backfill took up is not live yet.

Cheap: one small row a store.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("store", schema=None) as batch_op:
        batch_op.alter_column("live_from", existing_type=sa.DateTime(timezone=True), nullable=True)


def downgrade() -> None:
    op.execute("UPDATE store SET live_from = first_seen_at WHERE live_from IS NULL")
    with op.batch_alter_table("store", schema=None) as batch_op:
        batch_op.alter_column("live_from", existing_type=sa.DateTime(timezone=True), nullable=False)
