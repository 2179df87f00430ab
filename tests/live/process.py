"""Programs of a shop: run to the end, or kept running, each with its output in a file of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

PATIENCE = 900.0  # seconds; an installation on a slow line takes minutes


async def run(*command: str, cwd: Path, log: str, env: Mapping[str, str] | None = None) -> None:
    """A program to its end. Raises RuntimeError with the last it said when it fails."""
    process = await _started(command, cwd, log, env)
    try:
        code = await asyncio.wait_for(process.wait(), PATIENCE)
    except BaseException:
        await stop(process)
        raise
    if code:
        raise RuntimeError(f"{' '.join(command)} failed ({code}):\n{_end_of(cwd / log)}")


async def serve(
    *command: str,
    cwd: Path,
    log: str,
    ready: Callable[[], Awaitable[bool]],
    env: Mapping[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """A server, once it is ready. Raises RuntimeError when it ends before."""
    process = await _started(command, cwd, log, env)
    try:
        async with asyncio.timeout(PATIENCE):
            while not await ready():
                if process.returncode is not None:
                    raise RuntimeError(f"{' '.join(command)} ended:\n{_end_of(cwd / log)}")
                await asyncio.sleep(0.3)
    except BaseException:
        await stop(process)
        raise
    return process


async def stop(process: asyncio.subprocess.Process) -> None:
    """The process and what it started are ended; the hard way after ten seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10.0)
            return


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _started(
    command: tuple[str, ...], cwd: Path, log: str, env: Mapping[str, str] | None
) -> asyncio.subprocess.Process:
    with (cwd / log).open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # so that what it starts can be ended with it
        )


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
