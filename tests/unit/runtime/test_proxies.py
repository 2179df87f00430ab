"""Proxies of the environment: which addresses go through them, on real sockets, and what is said of them."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connector.model.errors import Unavailable
from connector.runtime.http import Http, refusal
from connector.runtime.proxies import Proxies

KEY_AND_CERTIFICATE = Path(__file__).parents[2] / "localhost.pem"
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Place:
    """Something that listens, and the heads of the requests that it got."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.port = 0


@asynccontextmanager
async def shop(*, tls: bool = False) -> AsyncIterator[Place]:
    place = Place()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(KEY_AND_CERTIFICATE)
    async with await asyncio.start_server(answer, "localhost", 0, ssl=context) as listening:
        place.port = listening.sockets[0].getsockname()[1]
        yield place


@asynccontextmanager
async def proxy(status: str = "200 OK") -> AsyncIterator[Place]:
    """A proxy that answers plain requests itself, and connects what is to be tunnelled."""
    place = Place()
    done = asyncio.Event()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        place.heads.append(head)
        method, target, _ = head.split(" ", 2)
        if method == "CONNECT" and status.startswith("200"):
            host, _, port = target.rpartition(":")
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)
            await asyncio.gather(far_writer.wait_closed(), writer.wait_closed(), return_exceptions=True)
            done.set()
            return
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "localhost", 0) as listening:
        place.port = listening.sockets[0].getsockname()[1]
        yield place


async def called(url: str) -> int:
    async with Http() as http:
        return (await http.send("GET", url, deadline=10.0)).status


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_plain_http_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    async with proxy() as way:
        monkeypatch.setenv(variable, f"http://ann:s3cret%40@localhost:{way.port}")
        assert await called("http://shop.invalid/orders?page=2") == 200
    [head] = way.heads
    assert head.startswith("GET http://shop.invalid/orders?page=2 HTTP/1.1")
    login = base64.b64encode(b"ann:s3cret@").decode()
    assert f"proxy-authorization: basic {login}".lower() in head.lower()


async def test_https_is_tunnelled_and_the_proxy_reads_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "connector.runtime.http._trusted",
        lambda: ssl.create_default_context(cafile=str(KEY_AND_CERTIFICATE)),
    )
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login ann password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with shop(tls=True) as far, proxy() as way:
        monkeypatch.setenv("HTTPS_PROXY", f"localhost:{way.port}")
        async with Http() as http:
            reply = await http.send(
                "POST",
                f"https://localhost:{far.port}/x",
                headers={"Authorization": "Bearer good"},
                content=b"{}",
            )
            assert reply.status == 200
    [asked] = way.heads
    assert asked.startswith(f"CONNECT localhost:{far.port}")
    assert "Bearer" not in asked
    [got] = far.heads
    assert "authorization: Bearer good" in got
    assert "roxy" not in got


async def test_netrc_is_never_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login ann password hunter2\ndefault login ann password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with shop() as far, proxy() as way:
        monkeypatch.setenv("HTTP_PROXY", f"http://localhost:{way.port}")
        assert await called("http://shop.invalid/") == 200
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert await called(f"http://localhost:{far.port}/") == 200
    assert "uthorization" not in way.heads[0] + far.heads[0]


@pytest.mark.parametrize("entry", ["localhost", "127.0.0.0/8,localhost", " .localhost ", "*"])
async def test_what_no_proxy_names_goes_the_direct_way(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    async with shop() as far, proxy() as way:
        monkeypatch.setenv("ALL_PROXY", f"http://localhost:{way.port}")
        monkeypatch.setenv("NO_PROXY", entry)
        assert await called(f"http://localhost:{far.port}/") == 200
    assert (len(way.heads), len(far.heads)) == (0, 1)


@pytest.mark.parametrize(
    ("said", "direct", "through"),
    [
        (
            "example.com",
            ["example.com", "shop.example.com", "EXAMPLE.com."],
            ["badexample.com", "example.org"],
        ),
        (".example.com", ["example.com", "a.b.example.com"], ["badexample.com"]),
        ("*.example.com", ["a.example.com"], ["badexample.com"]),
        ("example.com:8080", [], ["example.com"]),
        ("example.com:443", ["example.com"], []),
        ("10.0.0.0/8, 192.168.1.7", ["10.9.8.7", "192.168.1.7"], ["11.0.0.1", "192.168.1.8"]),
        ("10.1.2.3/8", ["10.9.8.7"], []),
        ("fd00::/8 ::1", ["fd12::1", "::1", "0:0:0:0:0:0:0:1"], ["fe80::1", "127.0.0.1"]),
        ("[::1]:443,[fd00::5]", ["::1", "fd00::5"], ["fd00::6"]),
        ("127.0.0.1", ["127.0.0.1", "::ffff:127.0.0.1"], ["127.0.0.2"]),
        ("bücher.example", ["xn--bcher-kva.example"], []),
        ("10", [], ["10.0.0.1"]),
        (", ,,", [], ["example.com"]),
        ("*", ["example.com", "::1"], []),
        ("com", ["example.com"], ["example.community"]),
    ],
)
def test_entries_of_no_proxy(said: str, direct: list[str], through: list[str]) -> None:
    proxies = Proxies.of_environment({"HTTPS_PROXY": PROXY, "NO_PROXY": said})
    assert [host for host in direct if proxies.of("https", host, 443)] == []
    assert [host for host in through if not proxies.of("https", host, 443)] == []


def test_the_nearest_variable_decides() -> None:
    environment = {
        "https_proxy": "http://a:1",
        "HTTPS_PROXY": "http://b:1",
        "ALL_PROXY": "c:1",
        "HTTP_PROXY": "",
    }
    proxies = Proxies.of_environment(environment)
    assert str(proxies.of("https", "shop.example", 443)) == "the proxy http://a:1 (https_proxy)"
    assert str(proxies.of("http", "shop.example", 80)) == "the proxy http://c:1 (ALL_PROXY)"
    by_request = Proxies.of_environment({"HTTP_PROXY": "http://evil:1", "REQUEST_METHOD": "GET"})
    assert by_request.of("http", "shop.example", 80) is None
    assert Proxies.of_environment({}).of("https", "shop.example", 443) is None


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("socks5://ann:s3cret@p:1080", "names a proxy of the kind socks5://"),
        ("http://ann:s3cret@p:notaport", "names no proxy that can be used"),
        ("http://ann:s3cret@", "names no proxy that can be used"),
        ("http://[::1", "names no proxy that can be used"),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_said(
    monkeypatch: pytest.MonkeyPatch, said: str, sentence: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", said)
    with pytest.raises(Unavailable, match=sentence) as found:
        await called("http://shop.invalid/")
    assert str(found.value).startswith("ALL_PROXY")
    assert "s3cret" not in str(found.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_what_is_wrong_names_the_proxy_and_not_its_password(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    async with proxy("407 Proxy Authentication Required") as way:
        name = f"the proxy http://localhost:{way.port} (ALL_PROXY)"
        monkeypatch.setenv("ALL_PROXY", f"http://localhost:{way.port}")
        with pytest.raises(Unavailable) as found:
            await called(f"{scheme}://shop.invalid/")
        assert str(found.value).startswith(f"{name} wants a user and a password (407)")
        monkeypatch.setenv("ALL_PROXY", f"http://ann:s3cret@localhost:{way.port}")
        with pytest.raises(Unavailable) as found:
            await called(f"{scheme}://shop.invalid/")
        assert str(found.value).startswith(f"{name} refuses the user and password")
        assert "s3cret" not in str(found.value)
    with pytest.raises(Unavailable) as found:  # it listens no more
        await called(f"{scheme}://shop.invalid/")
    assert name in str(found.value)
    assert "Connection refused" in str(found.value)
    assert "s3cret" not in str(found.value)


async def test_a_tunnel_that_the_proxy_does_not_make_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxy("503 Service Unavailable") as way:
        monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{way.port}")
        with pytest.raises(Unavailable, match=r"the proxy .* \(HTTPS_PROXY\) answers 503"):
            await called("https://shop.invalid/")
        monkeypatch.setenv("HTTP_PROXY", f"http://localhost:{way.port}")
        async with Http() as http:
            told = refusal(await http.send("GET", "http://shop.invalid/"))
        assert "answered 503; it came through the proxy" in str(told)
