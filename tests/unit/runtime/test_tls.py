"""Whom a TLS connection trusts. Authorities are read as a process begins, so each case is a process."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

KEY_AND_CERTIFICATE = Path(__file__).parents[2] / "localhost.pem"  # signed by itself, for tests only
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"

CALL = """
import asyncio, sys
from connector.model.errors import Unavailable
from connector.runtime.http import Http

async def call():
    async with Http() as http:
        print((await http.send("GET", sys.argv[1])).status)

try:
    asyncio.run(call())
except Unavailable as error:
    print(error)
"""
TRUSTED = """
from connector.runtime.http import _trusted

print(_trusted().cert_store_stats()["x509_ca"])
"""
LOADING = """
import os
from connector.cli import main as cli

with cli._thriftily():
    import connector.runtime.http
    import aiohttp.connector

print(aiohttp.connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509_ca"])
print(os.environ["SSL_CERT_FILE"], "SSL_CERT_DIR" in os.environ)
print(connector.runtime.http._trusted.cache_info().currsize)
"""


@asynccontextmanager
async def server() -> AsyncIterator[str]:
    """The address of something that answers over TLS."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(KEY_AND_CERTIFICATE)
    async with await asyncio.start_server(answer, "localhost", 0, ssl=context) as listening:
        yield f"https://localhost:{listening.sockets[0].getsockname()[1]}/"


async def said(program: str, *arguments: str, **environment: str) -> str:
    """What a Python program prints in this environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if not key.startswith("SSL_CERT")} | environment,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().strip()


async def test_an_authority_that_this_machine_is_told_to_trust_is_trusted() -> None:
    async with server() as address:
        assert await said(CALL, address, SSL_CERT_FILE=str(KEY_AND_CERTIFICATE)) == "204"


async def test_an_unknown_authority_is_refused_in_words() -> None:
    async with server() as address:
        told = await said(CALL, address)
    assert told == f"{address}: the TLS certificate or handshake is not acceptable (localhost)"


async def test_a_machine_without_authorities_trusts_those_of_mozilla(tmp_path: Path) -> None:
    nowhere = {"SSL_CERT_FILE": str(tmp_path / "none.pem"), "SSL_CERT_DIR": str(tmp_path)}
    assert int(await said(TRUSTED, **nowhere)) > 50
    (tmp_path / "0a1b2c3d.0").touch()
    assert await said(TRUSTED, **nowhere) == "0"


async def test_loading_the_program_reads_no_authorities_and_leaves_the_environment_as_it_was() -> None:
    own = str(KEY_AND_CERTIFICATE)
    assert (await said(LOADING, SSL_CERT_FILE=own)).splitlines() == ["0", f"{own} False", "0"]
