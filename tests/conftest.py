"""What every test gets: a closed network, a fresh database, async tests that just run.

**Async tests** are plain ``async def test_…`` functions (fixtures too); anyio's pytest plugin, which comes
with httpx, runs them on asyncio (``anyio_mode = "auto"``). A test and its async fixtures share one event
loop, which lives as long as the widest async fixture.

**Network.** Only loopback and Unix sockets can be reached from the tests' process, by any library written
in Python. Names that end in ``.invalid`` fail to resolve, as they do everywhere; every other name or
address outside of loopback fails the test.

**Databases.** ``sqlite_url`` is a database in a temporary folder. ``database_url`` runs a test once on
SQLite and once on PostgreSQL, each time on an empty database; the server starts with the first such test.
Where no PostgreSQL is installed the tests run on SQLite, and the summary says so; in CI that is an error.

**Browser.** ``tests/unit/web/test_page.py`` runs in Debian's chromium; where there is none it is left out,
and the summary says so; in CI that is an error. The same holds for nginx and ``tests/system/test_nginx.py``.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from connector.runtime.http import Http
from tests.fire.hatchery import Hatchery, shared
from tests.postgres import PostgresServer, find_binaries, running_server

CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "no chromium is installed here (Debian: apt-get install chromium)"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NO_NGINX = "no nginx is installed here (Debian: apt-get install nginx-light)"
POSTGRES = find_binaries()
NO_POSTGRES = "no PostgreSQL server is installed here (Debian: apt-get install postgresql)"


pytest.register_assert_rewrite("connector.sdk.testing")


class ClosedNetwork(AssertionError):
    """A test reached for something that is not on this machine."""


collect_ignore = [
    *([] if CHROMIUM else ["unit/web/test_page.py"]),
    *([] if NGINX else ["system/test_nginx.py"]),
]


def pytest_configure() -> None:
    if os.environ.get("CI") == "true":
        if POSTGRES is None:
            raise pytest.UsageError(f"{NO_POSTGRES}; CI tests on both databases")
        if CHROMIUM is None:
            raise pytest.UsageError(f"{NO_CHROMIUM}; CI tests the page in a browser")
        if NGINX is None:
            raise pytest.UsageError(f"{NO_NGINX}; CI tests the documented lines for it")
    for name in [name for name in os.environ if name.startswith("CONNECTOR_")]:
        del os.environ[name]  # a developer's own settings must not reach the tests
    sys.addaudithook(_close_network)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if POSTGRES is None:
        terminalreporter.write_line(f"SQLite only: {NO_POSTGRES}")
    if CHROMIUM is None:
        terminalreporter.write_line(f"The page was not tested in a browser: {NO_CHROMIUM}")
    if NGINX is None:
        terminalreporter.write_line(f"The documented lines for nginx were not tested: {NO_NGINX}")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The SQLAlchemy URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'connector.db'}"


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRES else ["sqlite"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database, once on each kind of server."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        with server.database() as url:
            yield url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's PostgreSQL server; ask for ``database_url`` instead where SQLite will do as well."""
    assert POSTGRES is not None, NO_POSTGRES
    with running_server(POSTGRES) as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    """A client for shops and Privy."""
    async with Http() as client:
        yield client


@pytest.fixture(scope="session")
def nest() -> Hatchery:
    """What starts the program's processes in milliseconds."""
    return shared()


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nothing listens, for a server that must be told its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _close_network(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: Python calls it before a name is looked up and before an address is used."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
        if isinstance(host, bytes):
            host = host.decode()
        if isinstance(host, str) and host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if not isinstance(address, tuple):  # a Unix socket's path; None where it is connected already
            return
        host = address[0]
    else:
        return
    if not _on_loopback(host):
        raise ClosedNetwork(f"{event}: tests reach loopback only, not {host!r}")


def _on_loopback(host: object) -> bool:
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False
