"""What the site says of itself, asked for from time to time: its clock, and the statuses of its orders."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from adapters.woocommerce.client import Client
from adapters.woocommerce.site_clock import SiteClock
from connector.model.errors import AuthError, Unavailable

ANY = "any"
AGAIN = timedelta(minutes=15)  # by the shop's clock
SOON = timedelta(minutes=1)  # while it did not tell its statuses
# How far a poll looks back once new statuses are known: orders may have moved to them since we last asked.
LOOK_BACK = 2 * AGAIN
_MANY = 500  # answers after which it is asked again where the shop does not tell the time
_LONGEST = 1500  # characters of a list of statuses in an address


class Site:
    """Facts of one site. ``grown`` says that statuses are known now that were not when a poll last began."""

    def __init__(self, client: Client) -> None:
        self.clock = SiteClock()
        self.statuses = ANY
        self.grown = False
        self._client = client
        self._slugs: frozenset[str] = frozenset()
        self._asked_at: datetime | None = None
        self._now: datetime | None = None
        self._answers = _MANY

    def note(self, date: datetime | None) -> None:
        """The shop's clock of an answer."""
        self._now = date
        self._answers += 1

    async def refresh(self) -> None:
        """Ask again when it is time. What cannot be read stays as it was: then orders are still read."""
        if self._now is None or self._asked_at is None:
            if self._answers < _MANY:
                return
        elif self._now - self._asked_at < (AGAIN if self._slugs else SOON):
            return
        self._asked_at, self._answers = self._now, 0
        await self.changed_statuses()
        await self._ask_clock()

    async def changed_statuses(self) -> bool:
        """Ask for the statuses; whether they are others than before. ``any`` where the shop does not tell."""
        try:
            answer = await self._client.get("orders/statuses")
        except (AuthError, Unavailable):
            return False
        if self._asked_at is None:
            self._asked_at = answer.reply.date
        slugs = frozenset(slugs_of(answer.value))
        if slugs == self._slugs:
            return False
        self.grown = self.grown or bool(slugs - self._slugs)
        self._slugs = slugs
        joined = ",".join(sorted(slugs))
        self.statuses = joined if slugs and len(joined) <= _LONGEST else ANY
        return True

    async def _ask_clock(self) -> None:
        """A clock of which the site tells nothing counts as one that never jumps."""
        try:
            value = (await self._client.index("timezone_string,gmt_offset")).value
            self.clock = SiteClock.of(value if isinstance(value, dict) else {})
        except (AuthError, Unavailable, ValueError):
            return  # a plugin closes the index to the public, or this machine does not know the zone


def slugs_of(value: Any) -> list[str]:
    """The slugs of ``/orders/statuses``, as ``status=`` takes them."""
    rows = value if isinstance(value, list) else []
    slugs = (row.get("slug") for row in rows if isinstance(row, dict))
    return [slug for slug in slugs if isinstance(slug, str) and slug and "," not in slug]
