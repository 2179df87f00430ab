"""What a store's changed mapping would change of orders that Privy has, and what that costs."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import msgspec

from connector.admin.pace import calls_take
from connector.model.durations import for_people
from connector.model.limits import Limits
from connector.state.mappings import InUse
from connector.state.quota import Usage


class MappingChange(msgspec.Struct, frozen=True, kw_only=True):
    """Of the ``delivered`` orders the newest ``looked`` were mapped anew at ``since`` (aware UTC), and
    ``differing`` of them came out otherwise. ``orders`` is how many of all that would be, estimated where not
    all were looked at; sending them takes as many calls and ``takes_seconds`` of the budget.
    """

    store: str
    since: datetime
    delivered: int
    looked: int
    differing: int
    orders: int
    takes_seconds: float

    @property
    def sentence(self) -> str:
        """For the operator: what it is, what it costs, what to do."""
        whole = self.looked >= self.delivered
        of = f"{self.looked} delivered orders" + ("" if whole else f" (the newest of {self.delivered})")
        about = "" if whole else "about "
        takes = for_people(timedelta(seconds=self.takes_seconds))
        cost = f"{about}{self.orders} calls and {takes} of the budget"
        return (
            f"the mapping changed ({self.since:%Y-%m-%d %H:%M}Z): it makes something else of "
            f"{self.differing} of {of}, which is {cost}. They stay as they are until each changes at the "
            f"shop; to send them now: connector replay --changed {self.store} (with --dry-run it counts)"
        )


def of(used: InUse | None, limits: Limits, use: Usage) -> MappingChange | None:
    """What is to be told of a store's mapping, if anything; ``limits`` are those of the configuration."""
    if used is None or used.since is None or not used.looked:
        return None
    orders = math.ceil(used.delivered * used.differing / used.looked)
    return MappingChange(
        store=used.store,
        since=used.since,
        delivered=used.delivered,
        looked=used.looked,
        differing=used.differing,
        orders=orders,
        takes_seconds=calls_take(orders, limits, use).total_seconds(),
    )
