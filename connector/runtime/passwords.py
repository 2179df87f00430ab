"""Passwords as they may stand in a configuration: hashed by scrypt, of the standard library."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import scrypt
from hmac import compare_digest

SHORTEST = 10  # characters; whoever reads the hash can try billions of shorter ones
COST = (14, 8, 5)  # log2 of the work, block size, lanes: 16 MiB and a few tenths of a second (OWASP's advice)
MOST = (17, 16, 16)  # beyond it a sign-in would take this machine's memory
SALT_BYTES = HASH_BYTES = 16


def hashed(password: str) -> str:
    """``scrypt:cost:salt:hash``, of letters that need no quotes in YAML, a shell or a Compose file."""
    salt = secrets.token_bytes(SALT_BYTES)
    parts = [*map(str, COST), _text(salt), _text(_scrypt(password, salt, *COST))]
    return ":".join(["scrypt", *parts])


def matches(password: str, expected: str) -> bool:
    """Whether it is the password of this hash. Takes tenths of a second: call it in a thread."""
    cost, salt, digest = _read(expected)
    return compare_digest(_scrypt(password, salt, *cost), digest)


def check(text: str) -> None:
    """Raises ValueError, in words, unless it is a hash as ``hashed`` makes them."""
    try:
        _read(text)
    except ValueError:
        raise ValueError(
            "is no password hash; make one with: connector password (the password itself must not stand here)"
        ) from None


def _read(text: str) -> tuple[tuple[int, int, int], bytes, bytes]:
    name, work, block, lanes, salt, digest = text.split(":")
    cost = (int(work), int(block), int(lanes))
    if name != "scrypt" or not all(1 <= value <= most for value, most in zip(cost, MOST, strict=True)):
        raise ValueError
    parts = [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in (salt, digest)]
    if [len(part) for part in parts] != [SALT_BYTES, HASH_BYTES]:
        raise ValueError
    return cost, parts[0], parts[1]


def _scrypt(password: str, salt: bytes, work: int, block: int, lanes: int) -> bytes:
    n = 2**work
    memory = 256 * block * (n + lanes)  # bytes; OpenSSL refuses without it, and needs half of that
    return scrypt(password.encode(), salt=salt, n=n, r=block, p=lanes, dklen=HASH_BYTES, maxmem=memory)


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
