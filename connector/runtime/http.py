"""The one HTTP client for shops and for Privy, and replies turned into our errors.

httpx on aiohttp's transport: with sixteen requests in flight plain httpx 0.28 costs about five times
the processor time (``make bench`` measures it). No redirect is ever followed, so a token goes nowhere
but where the configuration says.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from copy import copy
from functools import cache, lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from connector.model.errors import Unavailable
from connector.runtime import exact_json, foreign_json
from connector.runtime.proxies import Proxies, Proxy
from connector.runtime.reply import Reply as Reply
from connector.runtime.reply import refusal as refusal
from connector.runtime.reply import without_query
from connector.runtime.unpacking import plain

USER_AGENT = "privy-connector"
_HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
MAX_BODY = 32 * 1024 * 1024  # bytes of an answer, after unpacking
MAX_DOWNLOAD = 8 * 1024**3  # bytes of a file, after unpacking; Shopify's report on a million orders has five
CONNECT_SECONDS = 10.0
MOST_CONNECTIONS = 200
READ_SECONDS = 60.0  # real shops answer a page of 100 orders in seconds; 5 s is known to be too short
DOWNLOAD_SECONDS = 6 * 3600.0
_PART = 256 * 1024  # bytes of a download that are written at once


class Http:
    """A pool of connections shared by every store and account of a process. Use as a context manager."""

    def __init__(
        self, *, transport: httpx.AsyncBaseTransport | None = None, read_seconds: float = READ_SECONDS
    ) -> None:
        """``transport`` for recordings; ``read_seconds`` is the longest silence of the other side."""
        self.sent = 0  # requests so far, for whoever keeps a distance between them
        self._proxies = Proxies() if transport else Proxies.of_environment()
        # By scheme, or by scheme and proxy. Those of proxies are made when one is first used.
        self._transports: dict[str | tuple[str, Proxy], httpx.AsyncBaseTransport] = (
            {"http": transport, "https": transport}
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
        place = without_query(url)
        self.sent += 1
        proxy: Proxy | None = None
        try:
            async with asyncio.timeout(deadline):
                # Straight through httpx's transport: its client's cookies, redirects and merging of what we
                # never set cost a third of a request. So ``auth`` signs once and sees no answer.
                silence = self._read_seconds if self._read_seconds < deadline else None
                request = _request(method, url, silence, params=params, headers=headers, content=content)
                if auth is not None:
                    signer = httpx.BasicAuth(*auth) if isinstance(auth, tuple) else auth
                    request = next(signer.auth_flow(request))
                proxy = self._proxy(request)
                response = await self._sent(request, proxy)
                try:
                    chunks = [chunk async for chunk in plain(response, place, max_body)]
                finally:
                    await response.aclose()
        except TimeoutError:
            raise Unavailable(
                f"{place} gave no answer within {deadline:g} s{_through(proxy)}", maybe_done=True, heavy=True
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, OSError) as error:
            raise _unavailable(place, error, proxy) from None
        _admitted(response, proxy)
        body = b"".join(chunks)
        parsed = await _parsed(body) if len(body) > foreign_json.LARGE else msgspec.UNSET
        return Reply(response.status_code, response.headers, body, place, parsed, str(proxy) if proxy else "")

    def _proxy(self, request: httpx.Request) -> Proxy | None:
        url = request.url
        if not self._proxies.by_scheme:
            return None
        return self._proxies.of(url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80))

    async def _sent(self, request: httpx.Request, proxy: Proxy | None = None) -> httpx.Response:
        scheme = request.url.scheme
        if scheme not in self._transports:
            raise httpx.UnsupportedProtocol("neither http nor https")
        key = (scheme, proxy) if proxy else scheme
        if key not in self._transports:
            assert proxy is not None
            self._transports[key] = AiohttpTransport(
                client=_secure_session,
                verify=_NOBODY,
                proxy=httpx.Proxy(proxy.url, headers=proxy.headers if scheme == "https" else {}),
            )
        if proxy and scheme == "http":
            request.headers.update(proxy.headers)  # with a tunnel they are for it alone
        return await self._transports[key].handle_async_request(request)

    async def download(
        self, url: str, file: BinaryIO, *, most: int = MAX_DOWNLOAD, deadline: float = DOWNLOAD_SECONDS
    ) -> Reply:
        """GET a large body into ``file``; the reply's own body is empty, unless the status is not 200.

        It may take ``deadline`` seconds and have ``most`` bytes, and the other side must not be silent for
        ``read_seconds``. Raises Unavailable when no complete answer came, or when it cannot be written.
        """
        place = without_query(url)
        body = b""
        proxy: Proxy | None = None
        end = asyncio.timeout(deadline)
        try:
            async with end:
                request = _request("GET", url, self._read_seconds)
                proxy = self._proxy(request)
                response = await self._sent(request, proxy)
                try:
                    async for part in _parts(plain(response, place, most)):
                        if response.status_code != 200:
                            body = part[:_PART]
                            break
                        await asyncio.to_thread(_write, file, part)
                finally:
                    await response.aclose()
        except TimeoutError:
            slow = f"took longer than {deadline:g} s to answer"
            what = slow if end.expired() else "fell silent in the middle of its answer"
            raise Unavailable(f"{place} {what}{_through(proxy)}", maybe_done=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, OSError) as error:
            raise _unavailable(place, error, proxy) from None
        _admitted(response, proxy)
        return Reply(response.status_code, response.headers, body, place)


async def _parsed(body: bytes) -> Any:
    """A large body's JSON, read in a thread; UNSET when it is none."""
    if body[:64].removeprefix(codecs.BOM_UTF8).lstrip()[:1] not in (b"{", b"["):
        return msgspec.UNSET
    for read in (foreign_json.in_parts, partial(foreign_json.decode, mend_bytes=True)):
        try:
            return await asyncio.to_thread(read, body)
        except exact_json.NotJSON:
            continue
    return msgspec.UNSET


def _admitted(response: httpx.Response, proxy: Proxy | None) -> None:
    """Raise Unavailable for a 407: it is the proxy's own, also where the address is plain http."""
    if proxy is not None and response.status_code == 407:
        raise Unavailable(_unauthorized(proxy))


def _unauthorized(proxy: Proxy) -> str:
    wants = "refuses the user and password that it gives" if proxy.login else "wants a user and a password"
    return f"{proxy} {wants} (407); they are written like http://user:password@host:port"


def _through(proxy: Proxy | None) -> str:
    return f", through {proxy}" if proxy else ""


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


async def _parts(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body in pieces of about ``_PART`` bytes, so that each is worth a write."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in pieces:
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
    """No cookie of one shop reaches another, and nothing of the environment is read: see ``proxies``."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS, ssl=trusted),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
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


# A process calls few addresses very often; refs of single orders pass through.
_address = lru_cache(maxsize=256)(httpx.URL)


def _reason(error: OSError) -> str:
    """In the system's words; asyncio's name a function and an address."""
    return os.strerror(error.errno) if error.errno else "no connection"


def _unavailable(place: str, error: Exception, proxy: Proxy | None) -> Unavailable:
    """httpx-aiohttp names most faults ConnectTimeout; the cause tells whether a connection was made."""
    cause = error.__cause__ or error
    if proxy is not None and isinstance(cause, aiohttp.ClientHttpProxyError):
        if cause.status == 407:
            return Unavailable(_unauthorized(proxy))
        return Unavailable(f"{place} cannot be reached: {proxy} answers {cause.status} to the wish for it")
    if proxy is not None and isinstance(cause, aiohttp.ClientProxyConnectionError):
        return Unavailable(f"{place} cannot be reached: {proxy} does not answer ({_reason(cause.os_error)})")
    if isinstance(cause, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return Unavailable(
            f"{place}: the TLS certificate or handshake is not acceptable ({cause.host}){_through(proxy)}"
        )
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return Unavailable(f"{place}: the host name is not known{_through(proxy)}")
    if isinstance(cause, aiohttp.ClientConnectorError):
        return Unavailable(f"{place} cannot be reached ({_reason(cause.os_error)}){_through(proxy)}")
    if isinstance(cause, aiohttp.ConnectionTimeoutError) or isinstance(error, httpx.ConnectError):
        return Unavailable(
            f"{place} cannot be reached (no connection in {CONNECT_SECONDS:g} s){_through(proxy)}"
        )
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return Unavailable(f"{place} is not an address that can be called")
    slow = isinstance(error, httpx.TimeoutException) and not isinstance(cause, aiohttp.ClientConnectionError)
    if slow or isinstance(cause, aiohttp.SocketTimeoutError):
        said = f"{place} did not answer in time{_through(proxy)}"
        return Unavailable(said, maybe_done=True, heavy=True)
    return Unavailable(
        f"{place} broke the connection before it had answered{_through(proxy)}", maybe_done=True
    )
