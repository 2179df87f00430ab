"""The one HTTP client for shops and for Privy, and replies turned into our errors.

httpx on aiohttp's transport: with sixteen requests in flight plain httpx 0.28 costs about five times
the processor time (``make bench`` measures it). No redirect is ever followed, so a token goes nowhere
but where the configuration says.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from copy import copy
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urlsplit
from urllib.request import getproxies

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from connector.model.errors import AuthError, Unavailable
from connector.runtime import exact_json

USER_AGENT = "privy-connector"
_HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
MAX_BODY = 64 * 1024 * 1024
CONNECT_SECONDS = 10.0
MOST_CONNECTIONS = 200
READ_SECONDS = 60.0  # real shops answer a page of 100 orders in seconds; 5 s is known to be too short
MAX_RETRY_AFTER = 24 * 3600.0
_PART = 256 * 1024  # bytes of a download that are written at once


class Reply(msgspec.Struct, frozen=True):
    """A complete answer. ``url`` has no query: queries can carry secrets."""

    status: int
    headers: httpx.Headers
    body: bytes
    url: str

    def json(self) -> Any:
        """The body as exact JSON. Raises Unavailable when it is none (an HTML page, a cut-off body)."""
        try:
            return exact_json.decode(self.body)
        except exact_json.NotJSON:
            raise Unavailable(
                f"{self.url} answered {self.status} with {self.kind()} instead of JSON", maybe_done=True
            ) from None

    def kind(self) -> str:
        """What the body looks like, in words for a message; never the body itself."""
        if not self.body.strip():
            return "an empty body"
        if self.body.lstrip()[:1] == b"<":
            return "an HTML page"
        return "something unreadable"

    @property
    def date(self) -> datetime | None:
        """The other side's clock when it answered, aware UTC; None when it did not say."""
        return _date(self.headers.get("date", ""))

    def retry_after(self) -> float | None:
        """The wait in seconds that the answer asks for (``Retry-After``, seconds or an HTTP date)."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return min(float(value), MAX_RETRY_AFTER)
        try:
            until = parsedate_to_datetime(value)
            sent = parsedate_to_datetime(self.headers.get("date", ""))
            wait = until.astimezone(UTC) - sent.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return min(max(wait.total_seconds(), 0.0), MAX_RETRY_AFTER)


class Http:
    """A pool of connections shared by every store and account of a process. Use as a context manager."""

    def __init__(
        self, *, transport: httpx.AsyncBaseTransport | None = None, read_seconds: float = READ_SECONDS
    ) -> None:
        """``transport`` for recordings; ``read_seconds`` is the longest silence of the other side."""
        self.sent = 0  # requests so far, for whoever keeps a distance between them
        self._transports = (
            dict.fromkeys(("http", "https"), transport)
            if transport
            else {
                "http": AiohttpTransport(client=_session, verify=_NOBODY),
                "https": AiohttpTransport(client=_secure_session, verify=_NOBODY),
            }
        )
        self._read_seconds = read_seconds

    def shared(self) -> Http:
        """A client on the same connections with a count of its own; not to be closed."""
        one = copy(self)
        one.sent = 0
        return one

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for transport in self._transports.values():
            await transport.aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        auth: httpx.Auth | tuple[str, str] | None = None,
        deadline: float = 120.0,
        max_body: int = MAX_BODY,
    ) -> Reply:
        """One request, answered whole within ``deadline`` seconds, whatever its status.

        Raises Unavailable when no complete answer came; ``maybe_done`` is false only when the
        connection was never made.
        """
        place = _without_query(url)
        self.sent += 1
        try:
            async with asyncio.timeout(deadline):
                # Straight through httpx's transport: its client's cookies, redirects and merging of what we
                # never set cost a third of a request. So ``auth`` signs once and sees no answer.
                silence = self._read_seconds if self._read_seconds < deadline else None
                request = _request(method, url, silence, params=params, headers=headers, content=content)
                if auth is not None:
                    signer = httpx.BasicAuth(*auth) if isinstance(auth, tuple) else auth
                    request = next(signer.auth_flow(request))
                response = await self._sent(request)
                try:
                    chunks: list[bytes] = []
                    size = 0
                    async for chunk in _plain(response):
                        size += len(chunk)
                        if size > max_body:
                            raise Unavailable(
                                f"{place} answered with more than {max_body // 1024**2} MiB", maybe_done=True
                            )
                        chunks.append(chunk)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise Unavailable(f"{place} gave no answer within {deadline:g} s", maybe_done=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, OSError) as error:
            raise _unavailable(place, error) from None
        return Reply(response.status_code, response.headers, b"".join(chunks), place)

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        transport = self._transports.get(request.url.scheme)
        if transport is None:
            raise httpx.UnsupportedProtocol("neither http nor https")
        return await transport.handle_async_request(request)

    async def download(self, url: str, file: BinaryIO) -> Reply:
        """GET a large body into ``file``; the reply's own body is empty, unless the status is not 200.

        It may take as long as it takes, but the other side must not be silent for ``read_seconds``. Raises
        Unavailable when no complete answer came, or when it cannot be written.
        """
        place = _without_query(url)
        body = b""
        try:
            response = await self._sent(_request("GET", url, self._read_seconds))
            try:
                async for part in _parts(response):
                    if response.status_code != 200:
                        body = part
                        break
                    await asyncio.to_thread(_write, file, part)
            finally:
                await response.aclose()
        except TimeoutError:
            raise Unavailable(f"{place} fell silent in the middle of its answer", maybe_done=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, OSError) as error:
            raise _unavailable(place, error) from None
        return Reply(response.status_code, response.headers, body, place)


def _request(
    method: str,
    url: str,
    silence: float | None,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> httpx.Request:
    """``silence`` is how many seconds the other side may say nothing: None where the deadline is nearer."""
    address = _address(url) if params is None else httpx.URL(_address(url), params=params)
    own = {"Host": address.netloc.decode("ascii")}
    if content is not None:
        own["Content-Length"] = str(len(content))
    # A stream, because for ``content`` httpx goes through the headers four times more.
    request = httpx.Request(
        method,
        address,
        headers=own | _HEADERS | dict(headers or {}),
        stream=httpx.ByteStream(content or b""),
        extensions={"timeout": {"connect": CONNECT_SECONDS, "read": silence, "write": silence, "pool": None}},
    )
    request.read()
    request.headers.encoding = "ascii"  # all of them are; else each reading guesses anew
    return request


def _plain(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it is meant: httpx unpacks it, at a price, only where it is packed."""
    if "content-encoding" in response.headers:
        return response.aiter_bytes()
    assert isinstance(response.stream, httpx.AsyncByteStream)
    return aiter(response.stream)


@lru_cache(maxsize=8)  # the answers of one second bear the same
def _date(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


async def _parts(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body in pieces of about ``_PART`` bytes, so that each is worth a write."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in _plain(response):
        chunks.append(chunk)
        size += len(chunk)
        if size >= _PART:
            yield b"".join(chunks)
            chunks, size = [], 0
    if chunks:
        yield b"".join(chunks)


def _write(file: BinaryIO, part: bytes) -> None:
    try:
        file.write(part)
    except OSError as error:
        raise Unavailable(
            f"a download cannot be written to disk ({error.strerror}); free space, or name a folder with "
            "more of it in TMPDIR"
        ) from None


# Trusts nobody. To read whom to trust takes 30 ms and 3 MB, so that is done once, for the first https.
_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _session(trusted: ssl.SSLContext = _NOBODY) -> aiohttp.ClientSession:
    """No cookie of one shop reaches another; proxies are those of the environment."""
    proxies = getproxies()
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS, ssl=_trusted() if proxies else trusted),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=bool(proxies),  # it looks them up for each request, so only where there are any
    )


def _secure_session() -> aiohttp.ClientSession:
    return _session(_trusted())


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that are trusted: this machine's, SSL_CERT_FILE and SSL_CERT_DIR among them.

    Where a machine has none, those of Mozilla.
    """
    places = ssl.get_default_verify_paths()
    if places.cafile or (places.capath and any(Path(places.capath).iterdir())):
        return ssl.create_default_context()
    return httpx.create_ssl_context(trust_env=False)


def refusal(reply: Reply, said: str = "") -> AuthError | Unavailable:
    """The error for an answer that is not a success. ``said`` is the other side's own short reason."""
    because = f": {said}" if said else ""
    if reply.status in (401, 403):
        return AuthError(f"{reply.url} refuses the credentials ({reply.status}{because})")
    if 300 <= reply.status < 400:
        target = _without_query(reply.headers.get("location", ""))
        return Unavailable(
            f"{reply.url} redirects to {target or 'another address'}; redirects are not followed, "
            "correct the address in the configuration"
        )
    wait = reply.retry_after() if reply.status in (429, 503) else None
    if reply.status == 429:
        return Unavailable(f"{reply.url} asks to slow down (429{because})", retry_after=wait or 60.0)
    return Unavailable(
        f"{reply.url} answered {reply.status}{because}", retry_after=wait, maybe_done=reply.status >= 500
    )


# A process calls few addresses very often; refs of single orders pass through.
_address = lru_cache(maxsize=256)(httpx.URL)


@lru_cache(maxsize=256)
def _without_query(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else parts.path


def _reason(error: OSError) -> str:
    """In the system's words; asyncio's name a function and an address."""
    return os.strerror(error.errno) if error.errno else "no connection"


def _unavailable(place: str, error: Exception) -> Unavailable:
    """httpx-aiohttp names most faults ConnectTimeout; the cause tells whether a connection was made."""
    cause = error.__cause__ or error
    if isinstance(cause, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return Unavailable(f"{place}: the TLS certificate or handshake is not acceptable ({cause.host})")
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return Unavailable(f"{place}: the host name is not known")
    if isinstance(cause, aiohttp.ClientConnectorError):
        return Unavailable(f"{place} cannot be reached ({_reason(cause.os_error)})")
    if isinstance(cause, aiohttp.ConnectionTimeoutError) or isinstance(error, httpx.ConnectError):
        return Unavailable(f"{place} cannot be reached (no connection in {CONNECT_SECONDS:g} s)")
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return Unavailable(f"{place} is not an address that can be called")
    slow = isinstance(error, httpx.TimeoutException) and not isinstance(cause, aiohttp.ClientConnectionError)
    if slow or isinstance(cause, aiohttp.SocketTimeoutError):
        return Unavailable(f"{place} did not answer in time", maybe_done=True)
    return Unavailable(f"{place} broke the connection before it had answered", maybe_done=True)
