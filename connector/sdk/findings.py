"""What several platforms' ``check`` says alike."""

from __future__ import annotations

from collections.abc import Container, Iterable
from urllib.parse import urlsplit

from connector.sdk.contract import Finding


def identity_of(address: str) -> str:
    """Host and path of a shop's address, comparable: no scheme, lower case, no slash at the end."""
    parts = urlsplit(address)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}".lower().rstrip("/")


def own_statuses(seen: Iterable[str], known: Container[str], *keys: str) -> list[Finding]:
    """A warning about statuses that are not in our table; ``keys`` of the mapping say what they mean."""
    own = [status for status in seen if status not in known]
    if not own:
        return []
    *some, last = (f"mapping.{key}" for key in keys)
    where = f"{', '.join(some)} and {last}" if some else last
    message = f"the shop has statuses of its own: {', '.join(own)}; say what they mean under {where}"
    return [Finding(level="warning", subject="statuses", message=message)]
