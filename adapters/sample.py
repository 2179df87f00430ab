"""The demo's sample shop: the smallest model of an adapter.

API: ``connector.demo.shop.server`` describes it. Its lists are declared (``_listed``), and read by
``connector.sdk.keyset``, so nothing is skipped: the shop gives each change a later time than any change
before. Money that
went back shows in ``refunded`` only, never in ``payment``. The shop has no webhooks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from pydantic import SecretStr

from connector.model.errors import Forged, Unavailable
from connector.model.order import (
    Address,
    Consent,
    Discount,
    Document,
    FinancialStatus,
    FulfillmentStatus,
    LineItem,
    Order,
    Phone,
    Status,
    TaxLine,
)
from connector.runtime.http import Http, Reply, refusal
from connector.sdk import keyset
from connector.sdk.amounts import amount, currency
from connector.sdk.contract import (
    Adapter,
    Finding,
    History,
    NoOptions,
    Notice,
    Page,
    Poll,
    ShopReport,
    StrictModel,
    Traits,
    WebhookRequest,
)
from connector.sdk.fields import moment_of, shaped, utc
from connector.sdk.required import Required

PAGE = 50

FINANCIAL = {
    "awaiting": FinancialStatus.PENDING,
    "authorized": FinancialStatus.AUTHORIZED,
    "paid": FinancialStatus.PAID,
    "void": FinancialStatus.VOIDED,
    "expired": FinancialStatus.EXPIRED,
}
FULFILLMENT = {
    "new": FulfillmentStatus.UNFULFILLED,
    "packing": FulfillmentStatus.IN_PROGRESS,
    "on_hold": FulfillmentStatus.ON_HOLD,
    "part_shipped": FulfillmentStatus.PARTIALLY_FULFILLED,
    "shipped": FulfillmentStatus.FULFILLED,
    "delivered": FulfillmentStatus.DELIVERED,
    "returned": FulfillmentStatus.RESTOCKED,
    "cancelled": FulfillmentStatus.RESTOCKED,
}
SETTLED = ("delivered", "returned", "cancelled")

Time = Annotated[datetime, msgspec.Meta(tz=True)]


class _Line(msgspec.Struct):
    sku: str
    product: str
    name: str
    quantity: int
    unit_price: Decimal


class _Buyer(msgspec.Struct):
    id: str | None
    email: str
    phone: str
    newsletter: bool | None
    text_messages: bool | None


class _Place(msgspec.Struct):
    first_name: str
    last_name: str
    street: str
    city: str
    region: str
    postcode: str
    country: str


class _Body(msgspec.Struct):
    """An order as the shop writes it, without what ``Required`` reads; ``placed_at`` is null for a cart."""

    id: int
    number: str
    changed_at: Time
    payment: str
    delivery: str
    test: bool
    refunded: Decimal
    lines: list[_Line]
    vouchers: list[Discount]
    taxes: list[TaxLine]
    buyer: _Buyer
    bill_to: _Place | None
    ship_to: _Place | None
    currency: str | None = None


class _Row(msgspec.Struct):
    """What must be right in a list for reading on; the rest of an order may be anything."""

    id: int
    changed_at: Time


class _List(msgspec.Struct):
    orders: list[dict[str, Any]]
    total: int


class _About(msgspec.Struct):
    name: str
    address: str


class Credentials(StrictModel):
    """The key that the shop gives out."""

    api_key: SecretStr


class SampleAdapter(Adapter[Credentials, NoOptions]):
    """The sample shop."""

    Credentials = Credentials
    traits = Traits(
        title="Sample shop (demo)",
        ids="integer",
        webhooks=False,
        history=True,
        verified="the sample shop of this package, by the tests and the demo",
    )

    def __init__(self, *, url: str, credentials: Any, options: NoOptions, http: Http) -> None:
        super().__init__(url=url, credentials=credentials, options=options, http=http)
        size = keyset.PageSize(PAGE)
        self._changes, self._history = (keyset.Reader(self._listed(by), size) for by in ("changed", "placed"))

    async def check(self) -> ShopReport:
        """The shop's name, and one order as a poll reads it."""
        about = _as(_About, await self._get("/shop"))
        await self._get("/orders", {"changed_since": "2000-01-01T00:00:00Z", "limit": "1"})
        return ShopReport(
            findings=[Finding(level="ok", subject="shop", message=f"{about.name} shows its orders")],
            identity=about.address,
        )

    async def changed(self, read: Poll | History) -> Page:
        """By change time for a poll, by the time of placing for history."""
        return await (self._history.history(read) if isinstance(read, History) else self._changes.poll(read))

    def _listed(self, by: str) -> keyset.List:
        """The orders that were changed, or placed, in a stretch of time."""

        async def fetch(ask: keyset.Ask) -> keyset.Rows:
            query = {f"{by}_since": _text(ask.low), "offset": str(ask.start), "limit": str(ask.size)}
            query |= {f"{by}_until": _text(ask.high)} if ask.high else {}
            reply = await self._reply("/orders", query)
            found = _as(_List, _good(reply))
            documents = [_document(_as(_Row, body), body) for body in found.orders]
            return keyset.Rows(documents=documents, count=found.total, date=reply.date)

        return keyset.List(
            fetch=fetch,
            time=f"{by}_at",
            resolution=timedelta(microseconds=1),
            overlap=timedelta(0),
            one=self.fetch,
        )

    async def fetch(self, ref: str) -> Document | None:
        """The order, or None when the shop answers 404."""
        reply = await self._reply(f"/orders/{ref}")
        if reply.status == 404:
            return None
        body = _as(dict[str, Any], _good(reply))
        return _document(_as(_Row, body), body)

    def parse(self, document: Document) -> Order:
        """Raises BadOrder naming the field that is not as the shop writes it.

        ``placed_at`` is the only time that the shop states for the placing (``connector.demo.shop``):
        ``created_at`` is when the cart was begun, and stands in for a cart alone, which is not sent.
        """
        body = shaped(document.body, _Body)
        need = Required()
        placed = document.body.get("placed_at") is not None
        total = need.read("total", amount, document.body.get("total"), "total")
        return Order(
            ref=document.ref,
            number=body.number,
            placed_at=need.read(
                "order_date", moment_of, document.body, "placed_at" if placed else "created_at"
            ),
            changed_at=utc(body.changed_at, "changed_at"),
            placed=placed,
            cancelled=body.payment == "void" or body.delivery == "cancelled",
            test=body.test,
            settled=body.delivery in SETTLED,
            currency=currency(body.currency),
            total=total,
            subtotal=sum((line.quantity * line.unit_price for line in body.lines), Decimal(0)),
            financial=_financial(body, total),
            fulfillment=Status(
                value=FULFILLMENT.get(body.delivery),
                words=(body.delivery,),
                origin=f"delivery: {body.delivery}",
            ),
            discounts=tuple(body.vouchers),
            tax_lines=tuple(body.taxes),
            line_items=tuple(
                LineItem(
                    sku=line.sku,
                    quantity=line.quantity,
                    price=line.unit_price,
                    name=line.name,
                    product_id=line.product,
                )
                for line in body.lines
            ),
            email=body.buyer.email,
            phones=_phones(body),
            customer_id=body.buyer.id or "",
            billing=_address(body.bill_to),
            shipping=_address(body.ship_to),
            email_consent=_consent(body.buyer.newsletter, "buyer.newsletter"),
            sms_consent=_consent(body.buyer.text_messages, "buyer.text_messages"),
            lacks=need.lacks,
            origins=ORIGINS,
        )

    def read_webhook(self, request: WebhookRequest, secrets: Sequence[str]) -> Notice:
        """The shop sends none, so whatever comes is not from it."""
        raise Forged("the sample shop sends no webhooks")

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        return _good(await self._reply(path, query))

    async def _reply(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        key = self.credentials.api_key.get_secret_value()
        return await self.http.send(
            "GET",
            self.url + path,
            params=query,
            headers={"Authorization": f"Bearer {key}", "Accept": "application/json"},
        )


ORIGINS = {
    "total": "total",
    "currency": "currency",
    "order_date": "placed_at",
    "subtotal": "lines: quantity x unit_price",
    "discounts": "vouchers",
    "tax_lines": "taxes",
    "line_items": "lines",
    "email": "buyer.email",
    "customer_id": "buyer.id",
    "billing_address": "bill_to",
    "shipping_address": "ship_to",
}


def _good(reply: Reply) -> Any:
    if reply.status != 200:
        raise refusal(reply)
    return reply.json()


def _as(kind: Any, value: Any) -> Any:
    """Raises Unavailable for an answer of another shape; what it says is not quoted."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said = f"the shop answers something else than its API promises ({error})"
        raise Unavailable(said, maybe_done=True) from None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _document(row: _Row, body: dict[str, Any]) -> Document:
    return Document(ref=str(row.id), changed_at=row.changed_at.astimezone(UTC), body=body)


def _financial(body: _Body, total: Decimal | None) -> Status[FinancialStatus]:
    """Money that went back proves itself, whatever the word for the payment says."""
    words = (body.payment,)
    if body.refunded.is_finite() and body.refunded > 0:
        whole = total is not None and body.refunded >= total
        value = FinancialStatus.REFUNDED if whole else FinancialStatus.PARTIALLY_REFUNDED
        return Status(value=value, words=words, origin="refunded", firm=total is not None)
    return Status(value=FINANCIAL.get(body.payment), words=words, origin=f"payment: {body.payment}")


def _phones(body: _Body) -> tuple[Phone, ...]:
    place = body.bill_to or body.ship_to
    country = place.country if place else ""
    return (Phone(body.buyer.phone, country, "buyer.phone"),) if body.buyer.phone else ()


def _address(place: _Place | None) -> Address:
    if place is None:
        return Address()
    return Address(
        first_name=place.first_name,
        last_name=place.last_name,
        address1=place.street,
        city=place.city,
        state_code=place.region,
        country_code=place.country,
        postal_code=place.postcode,
    )


def _consent(given: bool | None, origin: str) -> Consent | None:
    return None if given is None else Consent(given=given, origin=origin)
