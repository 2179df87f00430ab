"""Requests to a Medusa server, and its answers in our words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.runtime.http import Http, Reply
from connector.sdk.client import JsonClient, Problem
from connector.sdk.fields import moment

# Without this a list shows no e-mail, currency or address (seen). Payments are named one by one: their
# ``data`` would be the payment provider's own object, which holds secrets of it.
FIELDS = ",".join(
    (
        "id,display_id,custom_display_id,status,is_draft_order,version,created_at,updated_at,canceled_at",
        "email,customer_id,*customer,currency_code,region_id,sales_channel_id,*sales_channel,locale,metadata",
        "total,summary,*items,*items.adjustments,*items.tax_lines,*items.detail",
        "*shipping_methods,*shipping_methods.adjustments,*shipping_methods.tax_lines",
        "*shipping_address,*billing_address",
        *(f"payment_collections.{name}" for name in ("id", "status", "amount", "updated_at")),
        *(f"payment_collections.payments.{name}" for name in ("id", "provider_id", "amount", "captured_at")),
    )
)
MOST_IDS = 20  # per request; the usual parser of Express makes an object of longer lists

_REF = re.compile(r"[A-Za-z0-9_-]{1,100}")
_WRONG_KEY = "the shop does not know this api_key; it is a secret one (sk_…), and it may have been revoked"
_NO_API = "this is not Medusa's answer; the url in the configuration is the server's, not the storefront's"


class Answer(msgspec.Struct, frozen=True):
    """A list as it came. ``count`` is how many match in all; ``date`` the shop's clock, aware UTC."""

    rows: list[dict[str, Any]]
    count: int
    date: datetime | None


class Store(msgspec.Struct, frozen=True):
    """What Medusa says of the shop as a whole."""

    id: str
    name: str


class Client:
    """One server's Admin API; the key is the user of HTTP Basic, without a password."""

    def __init__(self, http: Http, url: str, key: str) -> None:
        self._api = JsonClient(
            http, f"{url}/admin", auth=httpx.BasicAuth(key, ""), secrets=(key,), hint=_hint
        )

    async def get(self, kind: str, params: Mapping[str, str]) -> Answer:
        """A list of ``kind``. Raises AuthError and Unavailable."""
        answer = await self._api.get(f"/{kind}", params)
        body = _object(answer.value)
        rows, count = body.get(kind), body.get("count")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Unavailable(f"the shop answered with something else than a list of {kind}", maybe_done=True)
        return Answer(rows, count if isinstance(count, int) else len(rows), answer.reply.date)

    async def orders(self, refs: Sequence[str]) -> list[Document]:
        """These orders, as far as the lists show them. Raises AuthError and Unavailable."""
        found = []
        for start in range(0, len(refs), MOST_IDS):
            part = refs[start : start + MOST_IDS]
            ids = {f"id[{index}]": ref for index, ref in enumerate(part)}
            answer = await self.get("orders", {**ids, "limit": str(len(part)), "fields": FIELDS})
            documents = [document(row) for row in answer.rows]
            if {each.ref for each in documents} - set(part):
                raise Unavailable("the shop ignores the filter id of its list of orders", maybe_done=True)
            found += documents
        return found

    async def order(self, ref: str) -> Document | None:
        """One order; None when the shop says that it has none of this id (any other 404 is a fault)."""
        if not _REF.fullmatch(ref):
            return None
        answer = await self._api.get_or_none(
            f"/orders/{ref}", {"fields": FIELDS}, gone=lambda problem: problem.code == "not_found"
        )
        if answer is None:
            return None
        found = document(_object(answer.value).get("order"))
        if found.ref != ref:
            raise Unavailable("the shop answered with another order than was asked for", maybe_done=True)
        return found

    async def stores(self) -> Store:
        """The shop's name, and the id of its store: Medusa has one."""
        rows = (await self.get("stores", {"fields": "id,name", "order": "created_at"})).rows
        if not rows or not isinstance(rows[0].get("id"), str):
            raise Unavailable("the shop shows no store", maybe_done=True)
        name = rows[0].get("name")
        return Store(rows[0]["id"], name if isinstance(name, str) else "")


def document(row: Any) -> Document:
    """The order with its id and change time. Raises Unavailable for what cannot be told from other rows.

    What moves only its payments counts as a change of the order: see ``payments``.
    """
    ref = row.get("id") if isinstance(row, dict) else None
    if not isinstance(ref, str) or not _REF.fullmatch(ref):
        raise Unavailable("the shop answered nonsense: an order without a usable id", maybe_done=True)
    times = [moment(each.get("updated_at")) for each in (row, *_objects(row, "payment_collections"))]
    changed_at = max((time for time in times if time), default=datetime(1970, 1, 1, tzinfo=UTC))
    return Document(ref=ref, changed_at=changed_at, body=row)


def _objects(part: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = part.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unavailable("the shop answered with JSON that is no object", maybe_done=True)
    return value


def _hint(reply: Reply, problem: Problem) -> str:
    if reply.status in (401, 403):
        return _WRONG_KEY if problem.spoken else _NO_API
    return _NO_API if reply.status == 404 and not problem.spoken else ""
