"""A complete answer of a shop or of Privy, and the error for one that is no success."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from connector.model.errors import AuthError, Unavailable
from connector.runtime import exact_json, foreign_json, mending

MAX_RETRY_AFTER = 24 * 3600.0
SHOP_RETRY_AFTER = 60.0  # maintenance pages ask for ten minutes, always, and last seconds
_TOO_HEAVY = (408, 413, 504, 524)  # a gateway's time-out, Cloudflare's own, and an answer too large for it
_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]{0,9})?", re.ASCII)


class Reply(msgspec.Struct, frozen=True):
    """A complete answer. ``url`` has no query: queries can carry secrets.

    ``parsed`` is the body's JSON where it was read ahead; ``proxy`` names the proxy that it came through.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    url: str
    parsed: Any = msgspec.UNSET
    proxy: str = ""

    def json(self, *, amid_text: bool = False, text_after: bool = False) -> Any:
        """The body as exact JSON, read as ``foreign_json.decode`` does.

        With ``amid_text`` also after text, with ``text_after`` before it too.

        Raises Unavailable when it is none (an HTML page, a cut-off body).
        """
        if self.parsed is not msgspec.UNSET:
            return self.parsed
        try:
            if amid_text:
                return foreign_json.amid_text(self.body, after=text_after)
            if len(self.body) > foreign_json.LARGE:  # it was mended ahead, if it could be
                return exact_json.decode(self.body)
            return foreign_json.decode(self.body, mend_bytes=True)
        except exact_json.NotJSON:
            raise Unavailable(
                f"{self.url} answered {self.status} with {self.kind()} instead of JSON", maybe_done=True
            ) from None

    def kind(self) -> str:
        """What the body looks like, in words for a message; never the body itself."""
        start = self.body[:1024].lstrip()[:1]
        if not start and not self.body.strip():
            return "an empty body"
        if start == b"<":
            return "an HTML page"
        other = mending.encoding_of(self.body)
        return f"text in {other}" if other else "something unreadable"

    @property
    def date(self) -> datetime | None:
        """The other side's clock when it answered, aware UTC; None when it did not say."""
        return _date(self.headers.get("date", ""))

    def retry_after(self, most: float = MAX_RETRY_AFTER) -> float | None:
        """The wait in seconds that the answer asks for (``Retry-After``, seconds or an HTTP date).

        ``most`` is as long as it may be. A date is read by the other side's clock, where it tells it.
        """
        value = self.headers.get("retry-after", "").strip()
        if _SECONDS.fullmatch(value):
            return min(float(value), most)
        until = _date(value)
        if until is None:
            return None
        sent = self.date or datetime.fromtimestamp(time.time(), UTC)
        return min(max((until - sent).total_seconds(), 0.0), most)


def refusal(reply: Reply, said: str = "") -> AuthError | Unavailable:
    """The error for an answer that is not a success. ``said`` is the other side's own short reason."""
    because = f": {said}" if said else ""
    if reply.status in (401, 403):
        return AuthError(f"{reply.url} refuses the credentials ({reply.status}{because})")
    if 300 <= reply.status < 400:
        target = without_query(reply.headers.get("location", ""))
        return Unavailable(
            f"{reply.url} redirects to {target or 'another address'}; redirects are not followed, "
            "correct the address in the configuration"
        )
    wait = reply.retry_after(SHOP_RETRY_AFTER) if reply.status in (429, 503) else None
    if reply.proxy and reply.status >= 500:
        because += f"; it came through {reply.proxy}"
    if reply.status == 429:
        return Unavailable(f"{reply.url} asks to slow down (429{because})", retry_after=wait or 60.0)
    return Unavailable(
        f"{reply.url} answered {reply.status}{because}",
        retry_after=wait,
        maybe_done=reply.status >= 500,
        heavy=reply.status in _TOO_HEAVY or "allowed memory size" in said.lower(),
    )


@lru_cache(maxsize=256)
def without_query(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else parts.path


@lru_cache(maxsize=8)  # the answers of one second bear the same
def _date(header: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(header)
        # Without a zone (RFC 850's and C's form) it is UTC all the same, as HTTP has it.
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
