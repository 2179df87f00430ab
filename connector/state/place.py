"""Where the database belongs: a copy of it must send nothing, or every waiting order leaves twice.

The place is recorded when the database is made (or first opened by a program that knows this) and compared at
each opening. A SQLite file is at home when it is the same file (inode and generation: a copy is a new file),
on the same machine, and neither path nor disk changed together; so moving the file with ``mv`` is no copy.

**Containers.** The machine's id is asked for only outside of containers: an image has none, or each new
container makes another. There the file alone tells: a rebuilt container with the same volume is at home, and
a volume whose files were copied is not. What cannot be told from the original is a disk that was cloned whole
below the file system, with its machine id. A PostgreSQL database is known by its server's system identifier
and its own number there.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from sqlalchemy import Connection, text

from connector.state import properties
from connector.state.anchors import Anchor

PROPERTY = "place"
MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"), Path("/run/systemd/container"))


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """``machine`` is empty where nothing lasting names it; ``file`` is inode:generation, or PostgreSQL's."""

    machine: str
    path: str
    device: str
    file: str


def of_file(path: Path, anchor: Anchor) -> Place:
    """The place of an open SQLite file."""
    found = os.fstat(anchor.descriptor)
    return Place(
        machine=machine(),
        path=str(path.resolve()),
        device=str(found.st_dev),
        file=f"{found.st_ino}:{anchor.generation}",
    )


def of_server(connection: Connection) -> Place:
    """The place of a PostgreSQL database."""
    number = connection.execute(
        text("SELECT oid FROM pg_database WHERE datname = current_database()")
    ).scalar()
    server = connection.execute(text("SELECT system_identifier FROM pg_control_system()")).scalar()
    return Place(machine="", path="", device="", file=f"{server}:{number}")


def machine() -> str:
    """The machine's own id (machine-id(5)); empty in a container and where there is none."""
    named = os.environ.get("container")  # noqa: SIM112 (systemd's and podman's name for it)
    if named or any(mark.exists() for mark in CONTAINER_MARKS):
        return ""
    for path in MACHINE_IDS:
        try:
            told = path.read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            continue
        if told and told != "uninitialized":
            return told
    return ""


def elsewhere(was: Place, here: Place) -> str:
    """Why ``here`` is not where the database belongs, as the end of a sentence; empty when it is at home."""
    if not _same_file(was.file, here.file):
        return f"this is a copy of the one that belongs to {was.path}" if was.path else "this is a copy"
    if was.machine and here.machine and was.machine != here.machine:
        return f"it belongs to another machine, where it was {was.path}"
    if was.path != here.path and was.device != here.device:
        return f"it belongs to {was.path}, on another disk"
    return ""


def recorded(connection: Connection) -> Place | None:
    """Where the database belongs, or None when that was never recorded."""
    value = properties.get(connection, PROPERTY)
    return msgspec.json.decode(value, type=Place) if value else None


def record(connection: Connection, place: Place) -> None:
    """From now on the database belongs here."""
    properties.put(connection, PROPERTY, msgspec.json.encode(place).decode())


def _same_file(was: str, here: str) -> bool:
    """A generation that one of them lacks tells nothing."""
    (number, _, generation), (its_number, _, its_generation) = was.partition(":"), here.partition(":")
    return number == its_number and (generation == its_generation or not generation or not its_generation)
