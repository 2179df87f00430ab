"""What only reads waits for nobody; a store that is gone is shown, and can be dropped."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from connector.model.order import Document
from connector.runtime import exact_json
from connector.state import documents
from connector.state.database import BUSY_SECONDS, Database
from tests.state import NOW, HandClock, State, version

STORE = """
  {name}:
    platform: push
    account: main
    url: https://house.example
    credentials: {{token: 0123456789abcdefghijklmnop}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration of the store acme alone, and a database that knows zeta too."""
    text = "accounts: {main: {token: privy_test, base_url: 'http://127.0.0.1:9'}}\nstores:"
    (tmp_path / "connector.yaml").write_text(text + STORE.format(name="acme"))
    (tmp_path / "connector.yaml").chmod(0o600)
    database = Database(f"sqlite:///{tmp_path / 'connector.db'}")
    state = State(database, HandClock())
    for store in ("acme", "zeta"):
        number = {"acme": 0, "zeta": 10}[store]
        state.accept(
            version(str(number + 1)),
            version(str(number + 2), state="failed", reason="no total", order_id=None),
            store=store,
        )
        held = Document(ref=str(number + 1), changed_at=NOW, body={"order_id": number + 1})
        body = documents.pack(held.body)
        state.do(documents.keep, [documents.Kept(store, held.ref, NOW, NOW, "push", False, body)], ())
    database.close()
    return tmp_path


def connector(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "connector", "-c", str(folder / "connector.yaml"), *words],
        capture_output=True, text=True, timeout=BUSY_SECONDS + 25, check=False,
    )  # fmt: skip


def test_commands_that_only_read_need_no_lock(folder: Path) -> None:
    holder = sqlite3.connect(folder / "connector.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    commands = [["status"], ["explain", "acme", "1"], ["failed", "list"], ["failed", "show", "acme", "2"]]
    commands.append(["preview", "acme", "1"])
    for command in commands:
        done = connector(folder, *command)
        assert "another process holds it" not in done.stderr, command
        assert done.stdout, done.stderr
    waits = connector(folder, "retire", "zeta")
    assert "another process holds it" in waits.stderr
    holder.execute("ROLLBACK")
    holder.close()


def test_a_store_taken_out_of_the_configuration_is_shown_and_can_be_dropped(folder: Path) -> None:
    shown = exact_json.decode(connector(folder, "status", "--json").stdout.encode())["unconfigured"]
    assert shown == [
        {"store": "zeta", "waiting": 1, "failed": 1, "delivered": 0, "skipped": 0, "documents": 1}
    ]
    assert "zeta: it is not in the configuration any more" in connector(folder, "status").stdout
    assert "connector retire zeta" in connector(folder, "check").stdout
    assert "is in" in connector(folder, "retire", "acme").stderr
    assert "knows no store 'nobody'" in connector(folder, "retire", "nobody").stderr
    done = connector(folder, "retire", "zeta")
    assert (done.returncode, done.stdout) == (0, "store zeta: what was held of 2 orders is dropped.\n")
    assert exact_json.decode(connector(folder, "status", "--json").stdout.encode())["unconfigured"] == []
