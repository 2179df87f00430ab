"""bodies stand in a table of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "body",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("store", "ref"),
    )
    op.execute(
        "INSERT INTO body (store, ref, body) SELECT store, ref, body FROM outbox WHERE body IS NOT NULL"
    )
    op.drop_column("outbox", "body")


def downgrade() -> None:
    op.add_column("outbox", sa.Column("body", sa.LargeBinary(), nullable=True))
    op.execute(
        "UPDATE outbox SET body = (SELECT body.body FROM body"
        " WHERE body.store = outbox.store AND body.ref = outbox.ref)"
    )
    op.drop_table("body")
