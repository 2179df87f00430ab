"""The database's owner: one at a time, and whoever lets go can be asked to."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from connector.model.errors import AlreadyRunning
from connector.state.daemon_lock import asked, asking, daemon_lock, holder
from connector.state.database import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.mark.parametrize("lets_go", [False, True])
def test_who_owns_the_database_and_whether_it_lets_go_is_known(database: Database, lets_go: bool) -> None:
    place = (database.engine, database.path)
    assert holder(*place) is None
    with daemon_lock(*place, lets_go=lets_go):
        found = holder(*place)
        assert found is not None
        assert found.lets_go is lets_go
        if database.is_sqlite:
            assert found.process == os.getpid()
        with pytest.raises(AlreadyRunning) as refused, daemon_lock(*place):
            pass
        assert (refused.value.process, refused.value.lets_go) == (found.process, lets_go)
    assert holder(*place) is None
    with daemon_lock(*place):
        pass


def test_asking_is_seen_as_long_as_it_lasts_and_one_asks_at_a_time(database: Database) -> None:
    place = (database.engine, database.path)
    assert not asked(*place)
    with asking(*place):
        assert asked(*place)
        with pytest.raises(AlreadyRunning, match="waits for this database already"), asking(*place):
            pass
        assert asked(*place)
    assert not asked(*place)
