"""Orders know the document that their payload was made from, and stores the mapping that made it.

Cheap on a million orders: a column that may be null, and a small table.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("source", sa.String(), nullable=True))
    op.create_table(
        "mapping",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.Column("looked", sa.Integer(), nullable=False),
        sa.Column("differing", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("store"),
    )


def downgrade() -> None:
    op.drop_table("mapping")
    op.drop_column("outbox", "source")
