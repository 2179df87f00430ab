"""the database knows its place, and whom it must forget.

Cheap on a million orders: two small tables, and one look through an index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "property",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "forgotten_contact",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "forgotten_order",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("store", "ref", "contact"),
    )
    with op.batch_alter_table("forgotten_order", schema=None) as batch_op:
        batch_op.create_index("forgotten_order_contact", ["contact"], unique=False)
    op.execute(
        "INSERT INTO forgotten_order (store, ref, contact) "
        "SELECT store, ref, '' FROM outbox WHERE state = 'skipped' AND rule = 'forgotten'"
    )


def downgrade() -> None:
    op.drop_table("forgotten_order")
    op.drop_table("forgotten_contact")
    op.drop_table("property")
