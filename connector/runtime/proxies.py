"""Proxies as the environment names them: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

Small letters go before capitals, as everywhere. ``~/.netrc`` is never read: its passwords are for others.
"""

from __future__ import annotations

import ipaddress
import os
import re
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from connector.model.errors import Unavailable

_SEPARATORS = re.compile(r"[\s,]+")
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """``url`` has no password in it; ``login`` does. ``variable`` is the one that named it."""

    url: str
    variable: str
    login: tuple[str, str] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What tells the proxy who calls."""
        if self.login is None:
            return {}
        return {"Proxy-Authorization": f"Basic {b64encode(':'.join(self.login).encode()).decode()}"}

    def __str__(self) -> str:
        return f"the proxy {self.url} ({self.variable})"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of NO_PROXY: a name and all below it, or addresses; with ``port`` only that one."""

    name: str = ""
    network: _Network | None = None
    port: int | None = None

    def fits(self, host: str, address: _Network | None, port: int) -> bool:
        """Whether the host is meant; ``address`` is it as a network of one, where it is an address."""
        if self.port is not None and self.port != port:
            return False
        if self.network is None:
            return host == self.name or host.endswith("." + self.name)
        return (
            address is not None and address.version == self.network.version and _within(address, self.network)
        )


class Proxies(msgspec.Struct, frozen=True, kw_only=True):
    """Which proxy an address is reached by. ``by_scheme`` holds the texts of the variables."""

    by_scheme: Mapping[str, tuple[str, str]] = {}
    rules: tuple[Rule, ...] = ()
    never: bool = False

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Proxies:
        """As the variables say. A CGI program's HTTP_PROXY comes from a request's header and is not one."""
        found: dict[str, tuple[str, str]] = {}
        for scheme in ("http", "https"):
            names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
            if "REQUEST_METHOD" in environment:
                names = [name for name in names if name != "HTTP_PROXY"]
            for name in names:
                if value := environment.get(name, "").strip():
                    found[scheme] = (name, value)
                    break
        said = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
        entries = [entry for entry in _SEPARATORS.split(said) if entry]
        return cls(
            by_scheme=found,
            rules=tuple(rule for entry in entries if (rule := _rule(entry)) is not None),
            never="*" in entries,
        )

    def of(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy for an address; None for the direct way. Raises Unavailable for an unusable one."""
        said = self.by_scheme.get(scheme)
        if said is None or self.never:
            return None
        host = _name(host)
        address = _network(host)
        if any(rule.fits(host, address, port) for rule in self.rules):
            return None
        return _proxy(*said)


def _proxy(variable: str, said: str) -> Proxy:
    wrong = f"{variable} names no proxy that can be used; it is written like http://proxy.example:3128"
    try:
        parts = urlsplit(said if "://" in said else f"http://{said}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Unavailable(wrong) from None
    if parts.scheme not in ("http", "https"):
        raise Unavailable(
            f"{variable} names a proxy of the kind {parts.scheme}://; only http:// and https:// proxies are "
            "supported"
        )
    if not host:
        raise Unavailable(wrong)
    login = None
    if parts.username is not None:
        login = (unquote(parts.username), unquote(parts.password or ""))
    host = f"[{host}]" if ":" in host else host
    port = port or (80 if parts.scheme == "http" else 443)
    return Proxy(url=f"{parts.scheme}://{host}:{port}", variable=variable, login=login)


def _rule(entry: str) -> Rule | None:
    """An entry: ``10.0.0.0/8``, ``::1``, ``[::1]:8080``, ``.example.com``, ``*.example.com``, ``host:80``."""
    if (network := _network(entry)) is not None:
        return Rule(network=network)
    host, port = entry, None
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?", entry)
    if found is not None:
        host, port = found[1], int(found[2]) if found[2] else None
    name = _name(host)
    if (network := _network(name)) is not None:
        return Rule(network=network, port=port)
    name = name.removeprefix("*").lstrip(".")
    return Rule(name=name, port=port) if name else None


def _name(host: str) -> str:
    """A host as names are compared: without brackets and zone, in small letters, punycode, no last dot."""
    host = host.strip("[]").partition("%")[0].rstrip(".").lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def _network(text: str) -> _Network | None:
    """An address or a CIDR; an IPv4 address in IPv6's clothes is IPv4."""
    try:
        network = ipaddress.ip_network(text.strip("[]") if "/" not in text else text, strict=False)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen == network.max_prefixlen:
        mapped = network.network_address.ipv4_mapped
        return ipaddress.ip_network(mapped) if mapped is not None else network
    return network


def _within(address: _Network, network: _Network) -> bool:
    first, last = int(network.network_address), int(network.broadcast_address)
    return address.version == network.version and first <= int(address.network_address) <= last
