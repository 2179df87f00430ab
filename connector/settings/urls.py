"""The addresses of shops and of Privy as the configuration may write them."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def web_address(text: str, *, insecure_http: bool = False) -> str:
    """The address without a slash at its end.

    Raises ValueError, whose text shows no part that could be a secret, unless it is an absolute https
    address (http on this machine, in a private network, or where ``insecure_http`` allows it) without
    credentials, query or fragment.
    """
    parts = _split(text)
    if "@" in parts.netloc:
        raise ValueError("an address holds no user name or password; they belong under credentials")
    if "?" in text or "#" in text:
        raise ValueError("an address ends with its path: no ? and no #")
    if parts.scheme == "http" and not insecure_http and not is_private(parts.hostname or ""):
        raise ValueError(
            f"http:// to {parts.hostname} sends keys and buyers' data in the clear; use https://, "
            "or say insecure_http: true if that is what you want"
        )
    return text.rstrip("/")


def is_private(host: str) -> bool:
    """Whether a host is this machine or in a private network, by its address or by its name's form."""
    try:
        address = ip_address(host)
    except ValueError:
        name = host.lower().rstrip(".")
        return "." not in name or name.endswith(_PRIVATE_SUFFIXES)  # one label: localhost, a container's name
    return address.is_private or address.is_loopback


def same_place(address: str) -> str:
    """What two spellings of one shop's address have in common."""
    parts = _split(address)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{(parts.hostname or '').removeprefix('www.').rstrip('.')}{port}{parts.path.rstrip('/')}"


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        (parts.hostname or "").encode("idna")  # refuses names that are too long, or have an empty part
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        usable = False
    if not usable or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("an address is written in full, like https://shop.example")
    return parts
