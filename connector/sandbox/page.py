"""The page that shows what arrived: plain HTML from the server, nothing from outside, everything escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from html import escape
from itertools import islice
from typing import Any

from starlette.responses import HTMLResponse, Response

from connector.sandbox.ledger import CENT, Ledger
from connector.sandbox.limits import Window
from connector.sandbox.privy import Business, Sandbox

ROWS = 50
STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 75rem; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .75rem .3rem 0; text-align: start; vertical-align: top; white-space: nowrap; }
thead th { border-bottom: 2px solid; }
tbody tr { border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
"""
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page(sandbox: Sandbox) -> Response:
    """Every business with its limits and its last orders, contacts and flows, and the last arrivals."""
    now = sandbox.clock()
    parts = [_business(business, now) for business in sandbox.businesses.values()]
    arrivals = [
        (
            _time(a.received_at),
            a.business,
            a.order_id,
            a.status or "none",
            "yes" if a.stored else "no",
            a.fault,
        )
        for a in islice(reversed(sandbox.arrivals), ROWS)
    ]
    parts.append(_table("Requests", len(sandbox.arrivals), ARRIVAL_COLUMNS, arrivals))
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Privy sandbox</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>Privy sandbox</h1>"
        "<p>A local stand-in: nothing here reaches Privy or a buyer. Times are UTC.</p>"
        f"{''.join(parts)}</main></body></html>"
    )
    return HTMLResponse(html, headers=HEADERS)


def _business(business: Business, now: float) -> str:
    limits = ", ".join(
        (_window("minute", business.limits.minute, now), _window("day", business.limits.day, now))
    )
    ledger = business.ledger
    return (
        f"<h2>Business {escape(business.name)}</h2>"
        f"<p>{escape(limits)}, {business.limits.minute.kind} windows</p>"
        + _table("Orders", len(ledger.orders), ORDER_COLUMNS, _orders(ledger))
        + _table("Contacts", len(ledger.contacts), CONTACT_COLUMNS, _contacts(ledger))
        + _table("Flows that would have started", len(ledger.flows), FLOW_COLUMNS, _flows(ledger))
    )


ORDER_COLUMNS = (
    "Order",
    "Placed",
    "Total",
    "Payment",
    "Fulfilment",
    "Contact",
    "History",
    "Calls",
    "Updated",
)
CONTACT_COLUMNS = ("Contact", "E-mail", "Phone", "Name", "E-mail consent", "SMS consent")
FLOW_COLUMNS = ("At", "Flow", "Order", "Placed", "To")
ARRIVAL_COLUMNS = ("At", "Business", "Order", "Answer", "Stored", "Fault")


def _orders(ledger: Ledger) -> Iterable[Sequence[Any]]:
    for order in islice(reversed(ledger.orders.values()), ROWS):
        fields = order.fields
        yield (
            order.order_id,
            _time(fields["order_date"]),
            f"{fields['total'].quantize(CENT)} {fields['currency']}",
            fields.get("financial_status", ""),
            fields.get("fulfillment_status", ""),
            fields.get("email") or fields.get("phone"),
            "yes" if order.initial_sync else "no",
            order.calls,
            _time(order.updated_at),
        )


def _contacts(ledger: Ledger) -> Iterable[Sequence[Any]]:
    for contact in islice(reversed(ledger.contacts), ROWS):
        yield (
            contact.number,
            contact.email,
            contact.phone,
            f"{contact.first_name} {contact.last_name}",
            "subscribed" if contact.email_subscribed else "no",
            {None: "", True: "given", False: "refused"}[contact.sms_consent],
        )


def _flows(ledger: Ledger) -> Iterable[Sequence[Any]]:
    for flow in islice(reversed(ledger.flows), ROWS):
        yield (
            _time(flow.started_at),
            flow.kind,
            flow.order_id,
            _time(flow.order_date),
            flow.email or flow.phone,
        )


def _window(name: str, window: Window, now: float) -> str:
    return (
        f"{window.remaining(now)} of {window.limit} left this {name}" if window.limit else f"{name} unlimited"
    )


def _table(title: str, count: int, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table whose every cell is escaped; ``count`` is how many there are beyond the rows shown."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f"<tr>{''.join(f'<td dir=auto>{escape(_cell(value))}</td>' for value in row)}</tr>" for row in rows
    )
    if not body:
        return f"<h3>{escape(title)}</h3><p>None yet.</p>"
    return (
        f"<h3>{escape(title)} ({count})</h3>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
