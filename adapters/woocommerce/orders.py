"""The lists of orders: by change time for polls, by the time of placing for history; the trash apart.

*Closed GMT windows, by id.* Legacy storage sorts by the local time that the site had when an order was saved,
while bounds count in GMT: after the site's time zone moved, a list by time runs backwards by hours (seen on
9.4.2 and 11.0.1, November 2026). Up to 10.3 rows of one second come in any order, another one on each page
(seen; 10.4 added the id as second key). ``orderby=id`` is stable on all of them: ``connector.sdk.keyset``.

*Bounds* are exclusive, to the second, and always naive UTC with ``dates_are_gmt=true``: with an offset or a
``Z`` WooCommerce shifts them by the site's offset (seen on 10.5.0). Around a skipped hour of the site's clock
they cannot be trusted to the second: ``site_clock``.

*Statuses* are asked for by name: ``any`` leaves out what a plugin registered with ``exclude_from_search``
(HPOS since about 10.8, woocommerce/pull/63743; legacy storage always), and since 11.0 ``checkout-draft``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from adapters.woocommerce.client import Client
from adapters.woocommerce.site import Site
from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.sdk import keyset
from connector.sdk.client import Answer
from connector.sdk.fields import moment

# A row is dated when it is saved but seen once it is committed, and the web nodes' clocks differ.
OVERLAP = timedelta(seconds=120)
SECOND = timedelta(seconds=1)
TRASH = "trash"  # a list of its own: no other one holds it

Kind = Literal["modified", "created", "trash"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def listed(client: Client, site: Site, kind: Kind) -> keyset.List:
    """One of the lists. The trash is read by change time."""
    bound = "" if kind == "created" else "modified_"

    def query(ask: keyset.Ask) -> dict[str, str]:
        found = {
            "status": TRASH if kind == "trash" else site.statuses,
            "orderby": "id",
            "order": "asc",
            "dates_are_gmt": "true",
            f"{bound}after": _naive(ask.low - SECOND),
            "per_page": str(ask.size),
            "page": str(ask.start // ask.size + 1),
        }
        return found if ask.high is None else {**found, f"{bound}before": _naive(ask.high)}

    async def rows(ask: keyset.Ask) -> Answer:
        try:
            answer = await client.get("orders", query(ask))
        except Unavailable as error:
            # A status that is no more is refused (400): a plugin was switched off since they were asked for.
            if kind == "trash" or error.maybe_done or not await site.changed_statuses():
                raise
            answer = await client.get("orders", query(ask))
        site.note(answer.reply.date)
        return answer

    async def fetch(ask: keyset.Ask) -> keyset.Rows:
        answer = await rows(ask)
        if not isinstance(answer.value, list):
            said = "the shop answered with something else than a list of orders"
            raise Unavailable(said, maybe_done=True)
        count = answer.number("x-wp-total")
        if count == 0 and (ask.start or answer.value):  # as HPOS says past the end
            count = None
        documents = [document(row) for row in answer.value]
        return keyset.Rows(documents=documents, count=count, date=answer.reply.date)

    return keyset.List(
        fetch=fetch,
        time="date_created_gmt" if kind == "created" else "date_modified_gmt",
        zone=UTC,
        needs="WooCommerce 5.8 or newer is needed",
        resolution=timedelta(seconds=1),
        overlap=OVERLAP,
        stretch=lambda second: site.clock.stretch(second),
        one=one(client),
    )


def one(client: Client) -> Callable[[str], Awaitable[Document | None]]:
    """Fetches a single order, from whichever list; None when there is none."""

    async def fetch(ref: str) -> Document | None:
        if not (ref.isascii() and ref.isdecimal()):
            return None
        answer = await client.get_or_none(f"orders/{ref}")
        return None if answer is None else document(answer.value)

    return fetch


def document(row: Any) -> Document:
    """The row with its id and change time.

    A row whose times cannot be read is handed on all the same, so that it is kept and shown as failed.
    Raises Unavailable for what cannot be told from other rows.
    """
    ref = row.get("id") if isinstance(row, dict) else None
    if not isinstance(ref, int) or isinstance(ref, bool) or ref <= 0:
        raise Unavailable("the shop answered nonsense: a row of its orders has no usable id", maybe_done=True)
    changed_at = (
        moment(row.get("date_modified_gmt"), UTC) or moment(row.get("date_created_gmt"), UTC) or _EPOCH
    )
    return Document(ref=str(ref), changed_at=changed_at, body=row)


def _naive(second: datetime) -> str:
    return second.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
