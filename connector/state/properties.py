"""What the database knows of itself: its key, its place."""

from __future__ import annotations

from sqlalchemy import Connection, Text, text
from sqlmodel import Field, SQLModel


class PropertyRecord(SQLModel, table=True):
    """One row a property; ``value`` is text of the module that uses it."""

    __tablename__ = "property"

    name: str = Field(primary_key=True)
    value: str = Field(sa_type=Text)


_GET = text("SELECT value FROM property WHERE name = :name")
_DROP = text("DELETE FROM property WHERE name = :name")
_PUT = text(
    "INSERT INTO property (name, value) VALUES (:name, :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


def get(connection: Connection, name: str) -> str | None:
    """The property's value, or None when it was never set."""
    found: str | None = connection.execute(_GET, {"name": name}).scalar()
    return found


def drop(connection: Connection, name: str) -> None:
    """Unset the property."""
    connection.execute(_DROP, {"name": name})


def put(connection: Connection, name: str, value: str) -> None:
    """Set the property."""
    connection.execute(_PUT, {"name": name, "value": value})
