"""A pushed document as a Document with its version, and as an Order. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from adapters.push.configuration import Options
from connector.model.errors import BadOrder, NoId
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
from connector.sdk import timestamps
from connector.sdk.amounts import PRICE_DECIMALS, amount, currency, decimals, rounded, whole
from connector.sdk.contract import StrictModel
from connector.sdk.expressions import Expression, ExpressionError
from connector.sdk.identifiers import identifier
from connector.sdk.optional import Optional
from connector.sdk.required import Required
from connector.sdk.timestamps import EPOCH

LONGEST_ID = 200
LARGEST_VERSION = 10**17
FINANCIAL: Mapping[str, FinancialStatus] = {word.value: word for word in FinancialStatus}
FULFILLMENT: Mapping[str, FulfillmentStatus] = {word.value: word for word in FulfillmentStatus}

_MOST_PIECES = 10**9


class Parser:
    """The expressions of one store, compiled."""

    def __init__(self, options: Options) -> None:
        self._places = _compiled(options)
        self._lines = _compiled(options.line)
        self._discounts = _compiled(options.discount)
        self._taxes = _compiled(options.tax)
        self._addresses = _compiled(options.address)
        self._zone = ZoneInfo(options.time_zone) if options.time_zone else None
        self._minor = options.amounts == "minor"
        self._by_time = bool(options.changed_at)
        self._by_counter = bool(options.version)
        self._origins = {
            field: getattr(options, name)
            for field, name in (
                ("order_id", "id"),
                ("order_date", "placed_at"),
                *((name, name) for name in _SAME_NAME),
            )
        }
        self._origins["total_items"] = f"{options.line_items}[].{options.line.quantity}"
        self._from_lines = f"{options.line_items}: quantity x price"

    def document(self, body: dict[str, Any], arrived_at: datetime) -> Document:
        """The body with its id and version. Raises NoId, and BadOrder for an id that others could share.

        A version that cannot be read makes a Document older than any other, so that it can replace nothing;
        ``parse`` says why it is a bad order.
        """
        ref = identifier(self._found("id", body), "id")
        if not ref:
            raise NoId("id", f"options.id ({self._places['id'].text}) finds none in the document")
        if len(ref) > LONGEST_ID or not ref.isprintable():
            raise BadOrder(
                "id", f"is longer than {LONGEST_ID} characters, or holds some that cannot be printed"
            )
        try:
            version = self._version(body)
        except BadOrder:
            version = EPOCH
        return Document(ref=ref, changed_at=version or arrived_at, body=body)

    def parse(self, document: Document) -> Order:
        """The order in our words. Raises BadOrder naming the option whose expression found something wrong.

        Without a total or a time of the placing it has none: the store's mapping may know it.

        ``placed_at`` is what ``options.placed_at`` finds, the one time that a sender states for the placing;
        one that has several picks the earliest there (``min([ordered_at, paid_at])``), or names the other
        under ``mapping.fields.order_date``: the earlier one counts. A change time says nothing about it:
        many senders leave it empty or at a day of their own.

        Without a change time of the shop's own the order counts as changed when it was placed: one that is
        pushed long after it was placed is late, and nobody is written to about it.
        """
        body = document.body
        version = self._version(body)
        need = Required()
        placed_at = need.read("order_date", self._needed_moment, "placed_at", body)
        code = currency(self._found("currency", body))
        if self._minor and not code:
            raise BadOrder(
                "currency",
                f"options.currency ({self._places['currency'].text}) finds none, and minor amounts need it; "
                "a constant is written like \"'EUR'\"",
            )
        digits = decimals(code) if self._minor else 0
        read = Optional()
        lines = tuple(self._line_items(read, body, digits))
        subtotal = _scaled(read.amount(self._found("subtotal", body), "subtotal"), digits)
        origins = self._origins
        if subtotal is None and lines and not any(place.startswith("line_items") for place in read.left_out):
            subtotal = sum((line.quantity * line.price for line in lines), Decimal(0))
            origins = {**origins, "subtotal": self._from_lines}
        billing = self._address(read, "billing_address", body)
        shipping = self._address(read, "shipping_address", body)
        financial = self._status(read, "financial_status", body, FINANCIAL)
        placed = _flag("placed", self._found("placed", body))
        return Order(
            ref=document.ref,
            number=_clean(read.text(self._found("number", body), "number")),
            placed_at=placed_at,
            changed_at=version if self._by_time and version else placed_at or EPOCH,
            currency=code,
            total=need.read("total", self._total, body, digits),
            financial=financial,
            fulfillment=self._status(read, "fulfillment_status", body, FULFILLMENT),
            placed=placed is not False,
            cancelled=financial.value is FinancialStatus.VOIDED,
            test=_flag("test", self._found("test", body)) is True,
            subtotal=subtotal,
            discounts=tuple(
                Discount(code, abs(taken)) for code, taken in self._sums(read, "discounts", body, digits)
            ),
            tax_lines=tuple(
                TaxLine(title, tax) for title, tax in self._sums(read, "tax_lines", body, digits)
            ),
            line_items=lines,
            email=read.text(self._found("email", body), "email"),
            phones=self._phones(read, body, shipping.country_code or billing.country_code),
            customer_id=read.id(self._found("customer_id", body), "customer_id"),
            billing=billing,
            shipping=shipping,
            email_consent=self._consent(read, "email_consent", body),
            sms_consent=self._consent(read, "sms_consent", body),
            left_out=read.left_out,
            lacks=need.lacks,
            origins=origins,
        )

    def _found(self, name: str, body: Any) -> Any:
        return self._places[name].search(body)

    def _version(self, body: dict[str, Any]) -> datetime | None:
        """What the document says, or None where arrival counts."""
        if self._by_counter:
            count = whole(self._found("version", body)) or 0
            if not 0 < count <= LARGEST_VERSION:
                raise BadOrder(
                    "version", f"options.version ({self._places['version'].text}) finds no counter"
                )
            return EPOCH + timedelta(microseconds=count)
        if not self._by_time:
            return None
        return self._needed_moment("changed_at", body)

    def _needed_moment(self, name: str, body: dict[str, Any]) -> datetime:
        found = self._found(name, body)
        if found is None:
            raise BadOrder(name, f"options.{name} ({self._places[name].text}) finds no time")
        try:
            return timestamps.read(found, self._zone)
        except timestamps.NoZone:
            raise BadOrder(
                name, "the time states no zone; say which one it is under options.time_zone"
            ) from None
        except timestamps.Ambiguous:
            raise BadOrder(
                name, "these digits fit a calendar date and unix time alike; send ISO 8601, or a number"
            ) from None
        except ValueError:
            raise BadOrder(name, "is no time; ISO 8601 or unix (milli)seconds are") from None

    def _total(self, body: dict[str, Any], digits: int) -> Decimal:
        """In the currency's main unit. Raises BadOrder."""
        found = self._found("total", body)
        if found is None or found == "":
            raise BadOrder("total", f"options.total ({self._places['total'].text}) finds no amount")
        return amount(found, "total").scaleb(-digits)

    def _line_items(self, read: Optional, body: dict[str, Any], digits: int) -> Iterator[LineItem]:
        for sku, quantity, price, name, product_id, variant_id in self._rows(
            read, "line_items", body, self._lines
        ):
            unit = _scaled(read.needed(price, "line_items[].price"), digits)
            pieces = read.needed(quantity, "line_items[].quantity")
            if unit is None or pieces is None or abs(pieces) > _MOST_PIECES:
                read.leave_out("line_items[].price" if unit is None else "line_items[].quantity")
                continue
            if pieces != pieces.to_integral_value():  # sold by weight: one piece at the line's price
                unit, pieces = rounded(unit * pieces, PRICE_DECIMALS), Decimal(1)
            yield LineItem(
                sku=read.text(sku, "line_items[].sku"),
                quantity=int(pieces),
                price=unit,
                name=read.text(name, "line_items[].name"),
                product_id=read.id(product_id, "line_items[].product_id"),
                variant_id=read.id(variant_id, "line_items[].variant_id"),
            )

    def _sums(
        self, read: Optional, name: str, body: dict[str, Any], digits: int
    ) -> Iterator[tuple[str, Decimal]]:
        """Discounts or taxes: what each is called, and its amount, without which it says nothing."""
        places = self._discounts if name == "discounts" else self._taxes
        for title, sum_ in self._rows(read, name, body, places):
            found = _scaled(read.needed(sum_, f"{name}[].amount"), digits)
            if found is not None:
                yield read.text(title, f"{name}[]"), found

    def _rows(
        self, read: Optional, name: str, body: dict[str, Any], places: Mapping[str, _Place]
    ) -> Iterator[list[Any]]:
        """For each element of a list: what the expressions find in it."""
        for row in read.rows(self._found(name, body), name):
            yield [place.search(dict(row)) for place in places.values()]

    def _address(self, read: Optional, name: str, body: dict[str, Any]) -> Address:
        found = dict(read.part(self._found(name, body), name))
        if not found:
            return Address()
        parts = {
            part: read.text(place.search(found), f"{name}.{part}") for part, place in self._addresses.items()
        }
        whole = parts.pop("name")
        if whole and not (parts["first_name"] or parts["last_name"]):
            first, _, last = whole.strip().rpartition(" ")
            parts |= {"first_name": first, "last_name": last} if first else {"first_name": last}
        return msgspec.structs.replace(Address(), **parts)

    def _phones(self, read: Optional, body: dict[str, Any], country: str) -> tuple[Phone, ...]:
        found = self._found("phone", body)
        texts = [read.text(one, "phone") for one in (found if isinstance(found, list) else [found])]
        origin = self._places["phone"].text
        return tuple(Phone(text, country, origin) for text in dict.fromkeys(texts) if text)

    def _status(
        self, read: Optional, name: str, body: dict[str, Any], known: Mapping[str, Any]
    ) -> Status[Any]:
        """The word as it stands, and in lower case; nothing else is taken for one of Privy's."""
        word = _clean(read.text(self._found(name, body), name))
        spellings = tuple(dict.fromkeys((word, word.lower()))) if word else ()
        return Status(value=known.get(word.lower()), words=spellings, origin=self._places[name].text)

    def _consent(self, read: Optional, name: str, body: dict[str, Any]) -> Consent | None:
        given = read.consent(self._found(name, body), name)
        return None if given is None else Consent(given=given, origin=self._places[name].text)


class _Place:
    """One compiled expression and the option that it stands under."""

    def __init__(self, option: str, text: str) -> None:
        self.text = text
        self._option = option
        self._expression = Expression(text)

    def search(self, body: dict[str, Any]) -> Any:
        """What it finds; None for nothing. Raises BadOrder."""
        try:
            return self._expression.search(body)
        except ExpressionError as error:
            raise BadOrder(self._option, str(error)) from None


def _compiled(group: StrictModel) -> dict[str, _Place]:
    """The expressions of a group of options, by option."""
    return {
        name: _Place(name, text)
        for name, text in group
        if isinstance(text, str) and name not in ("time_zone", "amounts")
    }


def _clean(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:LONGEST_ID]


def _scaled(amount: Decimal | None, digits: int) -> Decimal | None:
    return None if amount is None else amount.scaleb(-digits)


def _flag(field: str, value: Any) -> bool | None:
    """true, false, or None for what is not known. Raises BadOrder: whether it goes out hangs on it."""
    read = Optional()
    given = read.consent(value, field)
    if read.left_out:
        raise BadOrder(field, "is neither true nor false; compare it, like state == 'cart'")
    return given


_SAME_NAME = (
    "total",
    "currency",
    "email",
    "customer_id",
    "subtotal",
    "discounts",
    "tax_lines",
    "line_items",
    "billing_address",
    "shipping_address",
)
