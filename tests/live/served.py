"""Shops that are one server of ours; those of npm packages stand on a PostgreSQL of their own."""

from __future__ import annotations

import asyncio
import shutil
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

import httpx

from tests.live.process import free_port, run, serve, stop
from tests.live.shop import LiveShop
from tests.postgres import find_binaries, running_server


class ServedShop(LiveShop):
    """``client`` asks the server, which answers 200 at ``health`` once it is ready.

    ``environment`` are its variables besides ours.
    """

    health: ClassVar[str] = "/health"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.environment: dict[str, str] = {}
        self.client = httpx.AsyncClient(base_url=self.url, timeout=60.0)
        self._server: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    @abstractmethod
    def command(self) -> Sequence[str]:
        """What starts the server."""

    async def start(self) -> None:
        """Returns once the server is ready."""

        async def ready() -> bool:
            try:
                return (await self.client.get(self.health)).status_code == 200
            except httpx.TransportError:
                return False

        self._server = await serve(
            *self.command, cwd=self.folder, log="server.log", ready=ready, env=self.environment
        )

    async def restart(self, hook: str, secret: str) -> None:
        assert self._server is not None
        await stop(self._server)
        await asyncio.sleep(3.0)  # long enough for the daemon to notice
        await self.start()

    async def close(self) -> None:
        await self.client.aclose()
        if self._server is not None:
            await stop(self._server)


class NodeShop(ServedShop):
    """``here`` is where ``files`` are, package.json among them; ``package`` tells that npm has installed.

    ``hook`` names the variables for the address and the secret of webhooks.
    """

    here: ClassVar[Path]
    files: ClassVar[Sequence[str]]
    package: ClassVar[str]
    npm: ClassVar[Sequence[str]] = ()  # arguments besides
    hook: ClassVar[tuple[str, str]]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._closing = ExitStack()

    async def install(self) -> tuple[str, str]:
        """Install what is missing; returns the name of a new database and the folder of its socket."""
        binaries = find_binaries()
        if binaries is None or shutil.which("npm") is None:
            raise RuntimeError(f"{self.title} needs npm (node 20) and PostgreSQL's programs on this machine")
        for name in self.files:
            shutil.copy(self.here / name, self.folder / name)
        if not (self.folder / "node_modules" / self.package).is_dir():
            command = ("npm", "install", "--no-audit", "--no-fund", *self.npm)
            await run(*command, cwd=self.folder, log="npm.log")
        database = self._closing.enter_context(running_server(binaries)).database()
        url = self._closing.enter_context(database)
        name, _, socket = url.partition("@/")[2].partition("?host=")
        return name, socket

    async def restart(self, hook: str, secret: str) -> None:
        self.environment |= dict(zip(self.hook, (hook, secret), strict=True))
        await super().restart(hook, secret)

    async def close(self) -> None:
        await super().close()
        self._closing.close()
