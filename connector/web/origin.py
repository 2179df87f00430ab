"""Where a request comes from: the connection's address, or whom a trusted proxy speaks for.

``X-Forwarded-For`` is read from its end, where each proxy writes the address that it saw itself. What stands
further left, or comes from a proxy that ``page.trusted_proxies`` does not name, may be forged and counts for
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec
from starlette.requests import Request

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST_HOPS = 20  # proxies in a row; what more of them say is not read
UNKNOWN = "an unknown address"

_PASSED_ON = ("forwarded", "via", "x-real-ip", "x-original-host", "cf-connecting-ip", "true-client-ip")


class Origin(msgspec.Struct, frozen=True):
    """``peer`` is the connection's address, ``client`` whom a trusted proxy speaks for, else the same.

    ``unnamed`` says that the request came through a proxy that is not trusted, so that all who come that way
    are one to us.
    """

    peer: str
    client: str
    unnamed: bool = False

    @property
    def key(self) -> str:
        """For counting: of IPv6 the network, since whoever has one address there has many."""
        address = _address(self.client)
        if isinstance(address, IPv6Address):
            return str(ip_network((address, 64), strict=False))
        return f"{self.client} through a proxy" if self.unnamed else self.client

    def __str__(self) -> str:
        return self.peer if self.client == self.peer else f"{self.peer} for {self.client}"


def origin(request: Request, trusted: Sequence[Network]) -> Origin:
    """Where the request comes from."""
    peer = request.client.host if request.client else UNKNOWN
    if not _within(_address(peer), trusted):
        forwarded = any(name.startswith("x-forwarded") or name in _PASSED_ON for name in request.headers)
        return Origin(peer, peer, forwarded)
    told = ",".join(request.headers.getlist("x-forwarded-for"))
    for hop in reversed(told.rsplit(",", MOST_HOPS)):
        address = _address(hop.strip())
        if address is None:
            break
        if not _within(address, trusted):
            return Origin(peer, str(address))
    return Origin(peer, peer)


def _address(text: str) -> Address | None:
    """The address; one of IPv4 in IPv6's clothes is one of IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _within(address: Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in networks)
