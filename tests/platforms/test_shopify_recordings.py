"""What was recorded with the stand-in is read as it was, whatever the queries have become since."""

from __future__ import annotations

import httpx

from connector.model.order import Order
from connector.runtime.http import Http
from tests.shops.shopify.recordings import KINDS, URL, Seen, adapter, replay


def orders(seen: Seen) -> dict[str, Order]:
    """By the kind that each was made as."""
    http = Http(transport=httpx.AsyncHTTPTransport())
    found = sorted(seen.documents, key=lambda document: int(document.ref))
    return dict(zip(KINDS, map(adapter(URL, http).parse, found), strict=True))


async def test_a_recorded_poll_single_orders_and_refusals_are_read_as_they_were() -> None:
    seen = await replay("poll_and_fetch")
    checked, afresh, gone, refusal = seen.answers
    assert checked == ("example-shop.myshopify.com", ["ok"])
    assert afresh is True
    assert gone is None
    assert refusal == ("Unavailable", 7.0)
    times = [document.changed_at for document in seen.documents]
    assert times == sorted(times)
    read = orders(seen)
    totals = {kind: str(order.total) for kind, order in read.items()}
    assert totals == {
        "card": "374.51",
        "code": "78.08",
        "included": "104.85",
        "draft": "43.55",
        "long": "2775.66",
        "currencies": "200.01",
        "pos": "22.79",
    }
    assert [str(one.amount) for one in read["code"].discounts] == ["8.0", "5.9"]
    assert str(read["included"].subtotal) == "83.99"  # 99.95 with 19 % in it
    assert [str(tax.amount) for tax in read["included"].tax_lines] == ["16.74"]  # 15.96, and 0.78 on 4.90
    assert len(read["long"].line_items) == 45


async def test_a_recorded_report_holds_the_same_orders() -> None:
    report, polled = await replay("bulk_history"), await replay("poll_and_fetch")
    assert orders(report) == orders(polled)
    assert sum(count for count, _ in report.answers) == len(KINDS)
    assert any(wait for _, wait in report.answers)
