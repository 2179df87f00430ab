"""A database knows where it belongs; a copy of it sends nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, text

from connector.model.errors import StateError
from connector.state import place
from connector.state.database import Database
from connector.state.place import Place, elsewhere

HOME = Place(machine="m1", path="/data/connector.db", device="2049", file="12:77")


def changed(**values: str) -> Place:
    return msgspec.structs.replace(HOME, **values)


@pytest.mark.parametrize(
    "here",
    [
        HOME,
        changed(path="/srv/connector.db"),  # mv on one disk
        changed(device="2050"),  # disks are numbered anew at each start
        changed(machine=""),  # a container
        changed(file="12:"),  # a file system that tells no generation
    ],
)
def test_a_database_is_at_home_where_its_file_is(here: Place) -> None:
    assert elsewhere(HOME, here) == ""
    assert elsewhere(here, HOME) == ""


@pytest.mark.parametrize(
    ("here", "why"),
    [
        (changed(file="13:77"), "copy of the one that belongs to /data/connector.db"),
        (changed(file="12:78"), "copy"),  # the first file of a new volume often has the same number
        (changed(machine="m2"), "another machine"),
        (changed(path="/srv/connector.db", device="2050"), "another disk"),
    ],
)
def test_a_database_is_a_copy_anywhere_else(here: Place, why: str) -> None:
    assert why in elsewhere(HOME, here)


def test_a_new_container_with_the_same_volume_is_at_home_though_its_machine_id_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(place, "MACHINE_IDS", (tmp_path / "missing", tmp_path / "machine-id"))
    monkeypatch.setattr(place, "CONTAINER_MARKS", (tmp_path / ".dockerenv",))
    monkeypatch.delenv("container", raising=False)
    assert place.machine() == "0123456789abcdef0123456789abcdef"
    (tmp_path / ".dockerenv").touch()
    assert place.machine() == ""
    monkeypatch.setattr(place, "CONTAINER_MARKS", ())
    (tmp_path / "machine-id").write_text("uninitialized\n")
    assert place.machine() == ""


async def test_a_copy_of_the_file_sends_nothing_until_it_is_adopted(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path / 'connector.db'}").close()
    shutil.copy2(tmp_path / "connector.db", tmp_path / "copy.db")
    copy = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    with pytest.raises(StateError, match=r"copy of the one that .*connector\.db.*adopt --database"):
        copy.must_be_home()
    await copy.adopt()
    copy.must_be_home()
    copy.close()
    for name in ("connector.db", "copy.db"):
        database = Database(f"sqlite:///{tmp_path / name}")
        database.must_be_home()
        database.close()


def test_a_copy_put_back_in_its_place_is_a_copy_and_a_moved_file_is_none(tmp_path: Path) -> None:
    file = tmp_path / "connector.db"
    Database(f"sqlite:///{file}").close()
    shutil.copy2(file, tmp_path / "backup.db")
    file.rename(tmp_path / "moved.db")
    moved = Database(f"sqlite:///{tmp_path / 'moved.db'}")
    assert moved.elsewhere == ""
    moved.close()
    (tmp_path / "backup.db").rename(file)
    restored = Database(f"sqlite:///{file}")
    assert "a copy" in restored.elsewhere
    restored.close()


def test_a_database_of_an_older_program_belongs_where_it_is_first_opened(database_url: str) -> None:
    database = Database(database_url)
    database.work(lambda connection: connection.execute(text("DELETE FROM property")))
    database.close()
    for _ in range(2):
        database = Database(database_url)
        assert database.elsewhere == ""
        assert database.work(place.recorded) is not None
        database.close()


def test_postgresql_tells_its_place_to_everybody(database_url: str) -> None:
    def as_a_plain_user(connection: Connection) -> Any:
        connection.execute(text("CREATE ROLE plain_user"))
        connection.execute(text("SET LOCAL ROLE plain_user"))
        try:
            return place.of_server(connection)
        finally:
            connection.execute(text("RESET ROLE"))
            connection.execute(text("DROP ROLE plain_user"))

    database = Database(database_url)
    if not database.is_sqlite:
        assert database.work(as_a_plain_user) == database.work(place.recorded)
    database.close()
