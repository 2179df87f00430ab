"""Orders remember that they were refused as others were, and which contact Privy refuses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("doubted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("outbox", sa.Column("without", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("outbox", "without")
    op.drop_column("outbox", "doubted")
