"""The schema's history. ``upgrade`` brings a database to the newest version."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

MIGRATION_LOCK = 0x70726977  # the advisory lock's number on PostgreSQL


def configuration() -> Config:
    """Alembic's configuration without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def upgrade(engine: Engine) -> None:
    """Apply every missing migration in one transaction."""
    config = configuration()
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # SQLite's transactions exclude each other anyway.
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
