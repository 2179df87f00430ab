"""An order and a store's choices become a payload that remembers where each field came from.

Precedence, field by field: what the order proves beyond any wording (firm statuses), the store's expression
(``mapping.fields``; null leaves the field out), the store's status table, the adapter, the store's default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from connector.mapping import addresses, emails, values
from connector.mapping.addresses import printable
from connector.mapping.countries import country_code
from connector.mapping.order_ids import Numbering
from connector.mapping.phones import e164
from connector.mapping.settings import BUILT_IN_RULES, NO_CONTACT, NOT_PLACED, TEST_ORDER, MappingSettings
from connector.mapping.warnings import Note, NoteKind
from connector.model.errors import BadOrder
from connector.model.order import (
    MONEY_CAME,
    Address,
    Consent,
    FinancialStatus,
    FulfillmentStatus,
    Order,
    Phone,
    Status,
)
from connector.model.payload import Payload
from connector.sdk.expressions import Expression, ExpressionError
from connector.sdk.identifiers import identifier

S = TypeVar("S", FinancialStatus, FulfillmentStatus)

T = TypeVar("T")

_LONGEST_WORD = 64
_ABSENT = {"total": "there is none", "currency": "there is no ISO 4217 code", "order_date": "there is none"}
_EXAMPLES = {"total": "invoice.total", "currency": "invoice.currency", "order_date": "invoice.ordered_at"}
_NO_ADDRESS = Address()


class Mapped(msgspec.Struct, frozen=True):
    """The payload, and in words where each of its fields came from."""

    payload: Payload
    origins: Mapping[str, str]
    notes: tuple[Note, ...] = ()


class Skipped(msgspec.Struct, frozen=True):
    """The order is not sent, by the named rule."""

    rule: str
    reason: str
    notes: tuple[Note, ...] = ()


class Mapper:
    """The mapping of one store, prepared once."""

    def __init__(self, settings: MappingSettings, numbering: Numbering) -> None:
        self.settings = settings
        self.defaults = {name: values.convert(name, value) for name, value in settings.defaults.items()}
        self._numbering = numbering
        self._id = Expression(settings.order_id.from_) if settings.order_id.from_ else None
        self._fields = {name: Expression(text) for name, text in settings.fields.items()}
        self._rules = {name: Expression(text) for name, text in settings.skip.items() if text is not False}
        self._own_rules = [rule for rule in self._rules if rule not in BUILT_IN_RULES]
        source = f"mapping.order_id.from: {settings.order_id.from_}" if self._id else "the platform's id"
        self._origins = {
            "order_id": f"{source}, numbered {numbering.text}",
            "total_items": "sum of the quantities",
        }

    def map(self, order: Order, body: Mapping[str, Any], *, told: bool = False) -> Mapped | Skipped:
        """The payload of the order, or the rule that skips it. ``body`` is the platform's document.

        ``told`` says that Privy has the order: then it is sent though it is no longer placed (cancelled,
        deleted). Raises BadOrder naming the field.
        """
        unknown = self._unknown_statuses(order)  # said whatever becomes of the order
        skipped = self._skipped(order, body, told)
        if skipped is not None:
            return msgspec.structs.replace(skipped, notes=unknown)
        draft = _Draft(self, order, {**self._origins, **order.origins}, unknown)
        self._take_fields(draft, body)
        email, phone = draft.email(), draft.phone()
        if not email and not phone:
            reason = "neither a usable e-mail address nor a usable phone number"
            return Skipped(NO_CONTACT, reason, tuple(draft.notes))
        take = draft.take
        items = take("line_items", order.line_items) or ()
        lines = values.lines(items)
        count = draft.given.get("total_items")
        subtotal = take("subtotal", order.subtotal)
        payload = Payload(
            order_id=self._order_id(order, body),
            total=draft.required("total", order.total, _total),
            currency=draft.required("currency", order.currency, values.currency),
            order_date=draft.required("order_date", order.placed_at, values.order_date),
            email=email or UNSET,
            phone=phone or UNSET,
            customer_id=printable(take("customer_id", order.customer_id) or "") or UNSET,
            subtotal=UNSET if subtotal is None else values.money("subtotal", subtotal),
            discounts=values.discounts(take("discounts", order.discounts) or ()),
            tax_lines=values.tax_lines(take("tax_lines", order.tax_lines) or ()),
            total_items=values.total_items(items)
            if count is None
            else values.item_count("total_items", count),
            financial_status=draft.status(
                "financial_status", order.financial, self.settings.financial_status
            ),
            fulfillment_status=draft.status(
                "fulfillment_status", order.fulfillment, self.settings.fulfillment_status
            ),
            line_items=lines,
            billing_address=draft.address("billing_address", order.billing),
            shipping_address=draft.address("shipping_address", order.shipping),
            accepts_email_marketing=draft.consent("accepts_email_marketing", order.email_consent),
            accepts_sms_marketing=draft.sms_consent(phone),
        )
        origins = {
            name: origin
            for name, origin in draft.origins.items()
            if getattr(payload, name, UNSET) is not UNSET
        }
        return Mapped(payload, origins, tuple(draft.notes))

    def dated(self, order: Order, body: Mapping[str, Any]) -> Order:
        """The order, with the time of its placing by ``mapping.fields`` where its document states none.

        It is no later than what the document proves (``placed_by``). One that the mapping does not know
        either stays without: ``map`` says why.
        """
        if order.placed_at is not None or "order_date" not in self._fields:
            return order
        try:
            found = values.convert("order_date", self._fields["order_date"].search(body))
            placed_at = values.order_date(found)
        except (ExpressionError, BadOrder):
            return order
        return msgspec.structs.replace(order, placed_at=min(placed_at, order.placed_by or placed_at))

    def _unknown_statuses(self, order: Order) -> tuple[Note, ...]:
        """Words that neither the adapter nor the store knows, and no expression of the store replaces."""
        found = (
            (
                "financial_status",
                order.financial,
                self.settings.financial_status,
                NoteKind.UNKNOWN_FINANCIAL_STATUS,
            ),
            (
                "fulfillment_status",
                order.fulfillment,
                self.settings.fulfillment_status,
                NoteKind.UNKNOWN_FULFILLMENT_STATUS,
            ),
        )
        return tuple(
            Note(kind, _shown(status.words))
            for name, status, table, kind in found
            if status.value is None
            and status.words
            and not status.known
            and name not in self._fields
            and not any(word in table for word in status.words)
        )

    def _skipped(self, order: Order, body: Mapping[str, Any], told: bool) -> Skipped | None:
        if self._applies(TEST_ORDER, body, order.test):
            return Skipped(TEST_ORDER, self._why(TEST_ORDER, "a test order"))
        if not told and self._applies(NOT_PLACED, body, not self._placed(order)):
            word = _shown(order.financial.words or order.fulfillment.words) or "no status"
            why = "called off and never paid" if self._called_off(order) else "not an order yet, or no longer"
            return Skipped(NOT_PLACED, self._why(NOT_PLACED, f"{why}: {word}"))
        for rule in (*self._own_rules, NO_CONTACT):
            if self._applies(rule, body, False):
                return Skipped(rule, self._why(rule))
        return None

    def _applies(self, rule: str, body: Mapping[str, Any], built_in: bool) -> bool:
        expression = self._rules.get(rule)
        if expression is None:
            return built_in and rule not in self.settings.skip
        try:
            return expression.holds(body)
        except ExpressionError as error:
            raise BadOrder(f"mapping.skip.{rule}", str(error)) from None

    def _why(self, rule: str, built_in: str = "") -> str:
        return f"mapping.skip.{rule}: {self._rules[rule].text}" if rule in self._rules else built_in

    def _placed(self, order: Order) -> bool:
        """A store's word on it counts first. A word of the shop's own that the store maps is an order."""
        words = (*order.financial.words, *order.fulfillment.words)
        for word in words:
            if word in self.settings.placed:
                return self.settings.placed[word]
        if self._called_off(order):
            return False
        if order.placed or order.financial.value or order.fulfillment.value:
            return order.placed
        return any(
            word in self.settings.financial_status or word in self.settings.fulfillment_status
            for word in words
        )

    def _called_off(self, order: Order) -> bool:
        """Whether it was cancelled and money for it never came: the same on every platform."""
        money = order.financial
        said = None if money.firm else _first(money.words, self.settings.financial_status)
        cancelled = order.cancelled or said is FinancialStatus.VOIDED
        return cancelled and not order.paid_once and (said or money.value) not in MONEY_CAME

    def expression(self, name: str) -> str:
        """The store's own expression for a payload field, empty for none."""
        return self._fields[name].text if name in self._fields else ""

    def _take_fields(self, draft: _Draft, body: Mapping[str, Any]) -> None:
        for name, expression in self._fields.items():
            place = f"mapping.fields.{name}"
            try:
                draft.given[name] = values.convert(name, expression.search(body))
            except ExpressionError as error:
                raise BadOrder(name, f"{place}: {error}") from None
            except BadOrder as error:
                raise BadOrder(name, f"{place}: {error.reason}") from None
            draft.origins[name] = f"{place}: {expression.text}"

    def _order_id(self, order: Order, body: Mapping[str, Any]) -> int:
        if self._id is None:
            return self._numbering.number(order.ref)
        try:
            found = self._id.search(body)
        except ExpressionError as error:
            raise BadOrder("order_id", f"mapping.order_id.from: {error}") from None
        if isinstance(found, int) and not isinstance(found, bool):
            return self._numbering.number(found)
        try:
            id = identifier(found, "order_id")
        except BadOrder as error:
            raise BadOrder("order_id", f"what mapping.order_id.from finds {error.reason}") from None
        if not id:
            raise BadOrder("order_id", "mapping.order_id.from finds neither a whole number nor text")
        return self._numbering.number(id)


def _total(amount: Decimal) -> Decimal:
    return values.money("total", amount)


def _first(words: tuple[str, ...], table: Mapping[str, S]) -> S | None:
    return next((table[word] for word in words if word in table), None)


def _shown(words: tuple[str, ...]) -> str:
    return printable(words[0])[:_LONGEST_WORD] if words else ""


class _Draft:
    """One order on its way: what the store's expressions gave, where fields came from, what was left out.

    A None in ``given`` was looked for and not found. ``first_phone`` says that the number found is the first
    that the order has.
    """

    def __init__(
        self, mapper: Mapper, order: Order, origins: dict[str, str], notes: tuple[Note, ...]
    ) -> None:
        self.mapper = mapper
        self.order = order
        self.origins = origins
        self.given: dict[str, Any] = {}
        self.notes = [*notes, *(Note(NoteKind.PART_UNREADABLE, place) for place in order.left_out)]
        self.first_phone = False

    def take(self, name: str, own: Any) -> Any:
        return self.given.get(name, own)

    def required(self, name: str, own: T | None, checked: Callable[[T], T]) -> T:
        """What the payload cannot be without: of the expression, the document or the default, in this order.

        Raises BadOrder with the reason, and the line that a store's mapping can say it by.
        """
        found: T | None = self.take(name, own)
        if found is None or found == "":
            found = self.default(name)
        expression = self.mapper.expression(name)
        reason = self.order.lacks.get(name, _ABSENT[name])
        if expression:
            reason = f"mapping.fields.{name} ({expression}) finds none"
        if found is not None:
            try:
                return checked(found)
            except BadOrder as error:
                reason = error.reason
        if expression:
            raise BadOrder(name, f"{reason}; correct mapping.fields.{name}")
        line = f'mapping: {{fields: {{{name}: "{_EXAMPLES[name]}"}}}}'
        if name == "currency" and found is None:
            line += ", or the same for all, mapping: {defaults: {currency: EUR}}"
        raise BadOrder(name, f"{reason}; if the document has it elsewhere, write in the store, like {line}")

    def default(self, name: str) -> Any:
        found = self.mapper.defaults.get(name)
        if found is not None:
            self.origins[name] = f"mapping.defaults.{name}"
        return found

    def email(self) -> str:
        text: str = self.take("email", self.order.email) or ""
        email = emails.address(text)
        if not email and text.strip():
            self.notes.append(Note(NoteKind.EMAIL_UNUSABLE))
        return email

    def phone(self) -> str:
        order, phones = self.order, self.order.phones
        if "phone" in self.given:
            country = order.billing.country_code or order.shipping.country_code
            phones = (Phone(self.given["phone"] or "", country, self.origins["phone"]),)
        written = [phone for phone in phones if phone.text.strip()]
        for phone in written:
            region = country_code(phone.country) or self.mapper.settings.default_phone_region or ""
            number = e164(phone.text, region)
            if number:
                self.origins["phone"] = phone.origin
                self.first_phone = phone is written[0]
                return number
        if written:
            self.notes.append(Note(NoteKind.PHONE_UNPARSABLE))
        return ""

    def status(self, name: str, status: Status[S], table: Mapping[str, S]) -> S | UnsetType:
        value: S | None = status.value
        if not status.firm and name in self.given:
            value = self.given[name]
        elif not status.firm and (word := next((word for word in status.words if word in table), None)):
            value = table[word]
            self.origins[name] = f"mapping.{name}[{word}]"
        else:
            self.origins[name] = status.origin
        if value is None:
            value = self.default(name)
        return UNSET if value is None else value

    def address(self, name: str, own: Address) -> dict[str, Any] | UnsetType:
        region = self.mapper.settings.default_phone_region or ""
        written: Address = self.take(name, own) or _NO_ADDRESS
        address = addresses.clean(written, region)
        if written.country_code.strip() and not address.country_code:
            self.note(NoteKind.COUNTRY_UNKNOWN)
        if written.phone.strip() and not address.phone and not self.noted(NoteKind.PHONE_UNPARSABLE):
            self.note(NoteKind.PHONE_OF_ADDRESS)
        if address == _NO_ADDRESS:
            address = addresses.clean(self.default(name) or _NO_ADDRESS, region)
        return UNSET if address == _NO_ADDRESS else addresses.body(address)

    def noted(self, kind: NoteKind) -> bool:
        return any(note.kind is kind for note in self.notes)

    def note(self, kind: NoteKind) -> None:
        """Once of each kind."""
        if not self.noted(kind):
            self.notes.append(Note(kind))

    def consent(self, name: str, own: Consent | None) -> bool | UnsetType:
        if name in self.given:
            stated: bool | None = self.given[name]
            return UNSET if stated is None else stated
        if own is None:
            return UNSET
        self.origins[name] = own.origin
        return own.given

    def sms_consent(self, phone: str) -> bool | UnsetType:
        """Given for the order's first number and no other, so it goes with that one; withdrawn, always."""
        consent = self.consent("accepts_sms_marketing", self.order.sms_consent)
        if consent is UNSET or not consent or (phone and self.first_phone):
            return consent
        self.notes.append(Note(NoteKind.SMS_CONSENT_WITHOUT_PHONE))
        return UNSET
