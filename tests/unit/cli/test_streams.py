"""The command line where its streams are closed, full or not UTF-8."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from connector.runtime import exact_json

PUSHED = """
database: sqlite:///connector.db
accounts:
  main: {token: planted_token, base_url: "http://127.0.0.1:9"}
stores:
  acme:
    platform: push
    url: https://shop.example
    credentials: {token: planted_push_token}
    account: main
"""
ORDER = (
    '{"order_id": 1, "order_date": "2026-06-01T10:00:00Z", "total": 1, "currency": "EUR", '
    '"email": "ann@mail.example", "billing_address": {"city": "Zürich → Łódź"}}'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    configuration = tmp_path / "connector.yaml"
    configuration.write_text(PUSHED)
    configuration.chmod(0o600)
    return tmp_path


def connector(folder: Path, command: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``command`` in a shell, where ``connector`` is the program."""
    finished = subprocess.run(
        ["sh", "-c", f'connector() {{ "$PYTHON" -m connector "$@"; }}\n{command}'],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, **variables},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in finished.stderr, finished.stderr
    return finished


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program with pipes for its streams; killed at the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "connector", *arguments],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_terminal_that_is_not_utf_8_gets_what_it_can_show(folder: Path) -> None:
    (folder / "order.json").write_text(ORDER, encoding="utf-8")
    shown = connector(folder, "connector preview acme --file order.json", PYTHONIOENCODING="ascii")
    assert shown.returncode == 0, shown.stderr
    assert rb"\u0141" in shown.stdout
    told = connector(folder, "connector preview acme --file order.json --json", PYTHONIOENCODING="ascii")
    assert "Zürich → Łódź" in str(exact_json.decode(told.stdout))  # JSON is UTF-8 everywhere


def test_a_full_disk_under_stdout_is_one_sentence(folder: Path) -> None:
    for command in ("status", "schema"):
        finished = connector(folder, f"connector {command} > /dev/full")
        assert finished.returncode == 1
        assert finished.stderr.decode() == (
            "Error: what is to be said cannot be written: No space left on device; make room\n"
        )


def test_a_reader_that_goes_away_is_no_fault_to_be_told(folder: Path) -> None:
    finished = connector(folder, "connector schema | true")
    assert (finished.returncode, finished.stderr) == (0, b"")


def test_what_the_tab_key_asks_for_is_answered(folder: Path) -> None:
    def answers(words: str, count: int) -> str:
        asked = {"_CONNECTOR_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
        completed = connector(folder, 'exec "${PYTHON%/*}/connector"', **asked)
        assert (completed.returncode, completed.stderr) == (0, b"")
        return completed.stdout.decode().strip()

    assert answers("connector failed r", 2) == "plain,retry"
    assert answers("connector explain a", 2) == "plain,acme"
    assert answers("connector -c connector.yaml sync --store a", 5) == "plain,acme"
    assert answers("connector -c missing.yaml explain a", 4) == ""
    assert answers("connector init woo", 2) == "plain,woocommerce"


def test_ctrl_c_ends_a_command_that_waits_for_a_line(folder: Path) -> None:
    with started(folder, "import", "acme", "-") as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(f"{ORDER}\n".encode() * 100)  # a transaction's worth: then it waits for more
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not _orders_in(folder / "connector.db"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read().endswith(b"Interrupted.\n")


def _orders_in(database: Path) -> int:
    if not database.exists():
        return 0
    try:
        with closing(sqlite3.connect(database)) as connection:
            return int(connection.execute("SELECT count(*) FROM outbox").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # its tables are still being made


def test_the_sandbox_goes_on_when_nobody_reads_what_it_shows(folder: Path) -> None:
    with started(folder, "sandbox", "--json", "--follow") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        told = exact_json.decode(process.stdout.readline())
        process.stdout.close()
        for _ in range(2):
            answer = httpx.post(
                f"{told['base_url']}/v1/orders/placed",
                headers={"Authorization": f"Bearer {told['token']}"},
                json={"order_id": 1},
            )
            assert answer.status_code == 422
        process.terminate()
        process.wait(60)
        assert process.stderr.read() == b""


def test_closed_streams_are_empty_ones(folder: Path) -> None:
    password = connector(folder, "connector password <&-")
    assert (password.returncode, password.stdout) == (2, b"")
    assert password.stderr.startswith(b"Error: a password has at least")
    imported = connector(folder, "connector import acme - <&-")
    assert imported.returncode == 0
    assert imported.stdout.startswith(b"-: 0 orders")
    assert connector(folder, "connector status >&- 2>&- <&-").returncode == 0
    assert connector(folder, "connector explain acme 1 2>&-").returncode == 2
    # None of them took the place of a stream: then what is printed would have been written into it.
    assert (folder / "connector.db").read_bytes().startswith(b"SQLite format 3\0")


def test_half_a_starter_configuration_is_none(folder: Path) -> None:
    finished = connector(folder, "ulimit -f 0; connector init woocommerce --output new.yaml")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert finished.stderr == b"Error: new.yaml cannot be written: File too large\n"
    assert not (folder / "new.yaml").exists()


def test_a_starter_configuration_is_utf_8_in_every_locale(folder: Path) -> None:
    finished = connector(
        folder, "connector init woocommerce --output new.yaml", LC_ALL="C", PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert "…" in (folder / "new.yaml").read_text(encoding="utf-8")
