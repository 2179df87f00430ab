"""A daemon's memory is what it imports: what serves rare moments is loaded in those moments."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

# What each adds to a daemon, in MB.
FOR_RARE_MOMENTS = {
    "alembic": 8.0,  # a migration
    "jinja2": 1.5,  # somebody opens the page
    "psycopg": 9.0,  # PostgreSQL
    "pydantic_settings": 1.4,  # the environment overrides a setting
    "rich": 2.0,  # something is drawn on a terminal
    "sqlalchemy.dialects.postgresql": 2.0,
}
DAEMON = """
import atexit, sys
from connector.cli.main import main

atexit.register(lambda: print(*sys.modules))
sys.argv = ["connector", "-c", sys.argv[1], "run"]
main()
"""


def loaded_by_a_daemon(configuration: Path) -> set[str]:
    """The modules that it has loaded when it has started and was told to stop."""
    command = [sys.executable, "-c", DAEMON, str(configuration)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        assert daemon.stderr is not None
        assert any("daemon.started" in line for line in daemon.stderr)
        daemon.send_signal(signal.SIGTERM)
        loaded, told = daemon.communicate()
    assert daemon.returncode == 0, told
    return set(loaded.split())


def test_a_daemon_holds_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    configuration = tmp_path / "connector.yaml"
    configuration.write_text(
        """
listen: 127.0.0.1:0
accounts: {main: {token: privy_1, base_url: "http://127.0.0.1:1"}}
stores:
  acme: {platform: sample, url: "http://127.0.0.1:1", account: main, credentials: {api_key: a}}
"""
    )
    assert "alembic" in loaded_by_a_daemon(configuration)  # makes the database
    assert loaded_by_a_daemon(configuration) & FOR_RARE_MOMENTS.keys() == set()
