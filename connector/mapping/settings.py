"""What a store's configuration can say about the way from order to payload."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from connector.mapping.addresses import PARTS
from connector.mapping.order_ids import MAX_OFFSET, Claim, Strategy
from connector.mapping.phones import is_region
from connector.mapping.values import LINE_KEYS, convert, currency
from connector.model.errors import BadOrder
from connector.model.order import FinancialStatus, FulfillmentStatus
from connector.model.payload import FIELDS
from connector.model.spelling import nearest, suggestion
from connector.model.strict import StrictModel
from connector.sdk.expressions import Expression, JMESPath

TEST_ORDER = "test-order"
NOT_PLACED = "not-placed"
NO_CONTACT = "no-contact"
BUILT_IN_RULES = (TEST_ORDER, NOT_PLACED, NO_CONTACT)

MAPPABLE = tuple(name for name in FIELDS if name != "order_id")
DEFAULTABLE = ("currency", "financial_status", "fulfillment_status", "billing_address", "shipping_address")
_RULE_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_ADDRESS_KEYS = (*PARTS, "name")
_CLOSED = {"discounts": ("code", "amount"), "tax_lines": ("title", "amount")}
_KEYS = {
    "billing_address": _ADDRESS_KEYS,
    "shipping_address": _ADDRESS_KEYS,
    "line_items": LINE_KEYS,
    **_CLOSED,
}
_RATHER_ALIKE = 0.6
_ALIKE = 0.85  # postal_cod and first_nam are slips; postcode, product and zip are words of their own
_CONSENTS = ("accepts_email_marketing", "accepts_sms_marketing")
_PERSONAL = ("email", "phone", "customer_id")


def _mappable(name: str) -> str:
    if name == "order_id":
        raise ValueError("order_id is set under mapping.order_id, so that two stores cannot meet")
    return _known(name)


def _defaultable(name: str) -> str:
    if name in _CONSENTS:
        raise ValueError(
            f"{name} takes no default: a consent is sent only where the shop states it for this buyer; "
            "read it from the document under mapping.fields"
        )
    if name in _PERSONAL:
        raise ValueError(f"{name} takes no default: it would make one contact of many buyers")
    if _known(name) not in DEFAULTABLE:
        raise ValueError(f"{name} takes no default: every order says its own; {suggestion('', DEFAULTABLE)}")
    return name


def _known(name: str) -> str:
    if name not in FIELDS:
        raise ValueError(f"{name} is not a field of Privy's order; {suggestion(name, MAPPABLE)}")
    return name


def _constants(defaults: dict[str, Any]) -> dict[str, Any]:
    for name, value in defaults.items():
        if value is None:
            raise ValueError(f"{name}: a default cannot be null; leave the line out")
        try:
            if isinstance(value, dict):
                _keys_fit(name, value)
            converted = convert(name, value)
            if name == "currency":
                currency(converted)
        except BadOrder as error:
            raise ValueError(str(error)) from None
    return defaults


def _keys_fit(field: str, keys: Iterable[str]) -> None:
    """Privy stores other keys of addresses and lines as they are: only what looks like a slip is refused."""
    known = _KEYS.get(field, ())
    for key in sorted(set(keys) - set(known)) if known else ():
        near = nearest(key, known, cutoff=_RATHER_ALIKE if field in _CLOSED else _ALIKE)
        if field in _CLOSED or (near and key.rstrip("0123456789") != near.rstrip("0123456789")):
            hint = f'did you mean "{near}"?' if near else f"known: {', '.join(known)}"
            raise ValueError(f"{field}: {key} is not a key that Privy knows; {hint}")


def _word(key: Any) -> Any:
    """Some platforms' status words are numbers."""
    return str(key) if isinstance(key, int) and not isinstance(key, bool) else key


def _rule_name(name: str) -> str:
    if not re.fullmatch(_RULE_NAME, name) or len(name) > 40:
        raise ValueError(
            "a rule's name has 1 to 40 letters (a to z), digits and dashes between them, like free-orders"
        )
    return name


def _rule(condition: Any) -> Any:
    if condition is False:
        return False
    if not isinstance(condition, str):
        raise ValueError("a skip rule is a JMESPath expression in quotes; false switches a built-in rule off")
    return Expression(condition).text


def _expression_if_any(text: str) -> str:
    return Expression(text).text if text else ""


def _region(code: str) -> str:
    code = code.strip().upper()
    if not is_region(code):
        raise ValueError(
            "not a country that has phone numbers of its own; give its two letters, like US or DE"
        )
    return code


Word = Annotated[str, BeforeValidator(_word)]
PayloadField = Annotated[
    str, AfterValidator(_mappable), WithJsonSchema({"type": "string", "enum": list(MAPPABLE)})
]
DefaultField = Annotated[
    str, AfterValidator(_defaultable), WithJsonSchema({"type": "string", "enum": list(DEFAULTABLE)})
]
# Checked here, for pydantic's own regular expressions take half a megabyte as soon as one is used.
RuleName = Annotated[
    str,
    AfterValidator(_rule_name),
    WithJsonSchema({"type": "string", "pattern": _RULE_NAME, "maxLength": 40}),
]
SkipRule = Annotated[str | Literal[False], BeforeValidator(_rule)]


class OrderIdSettings(StrictModel):
    """How a store's orders are numbered at Privy."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[str, AfterValidator(_expression_if_any)] = Field(
        "",
        alias="from",
        description="JMESPath to the id in the platform's document; the platform's own id by default.",
    )
    strategy: Strategy | None = Field(
        None, description="By default native, or hash where the platform's ids are not integers."
    )
    offset: int | None = Field(None, ge=1, le=MAX_OFFSET, description="What strategy offset adds to each id.")

    @model_validator(mode="after")
    def _fits(self) -> OrderIdSettings:
        if self.strategy is Strategy.OFFSET and self.offset is None:
            raise ValueError("strategy offset needs an offset, like 1000000000")
        if self.strategy is not Strategy.OFFSET and self.offset is not None:
            raise ValueError("offset counts with strategy: offset only")
        return self

    def claim(self, *, store: str, account: str, ids: str) -> Claim:
        """The numbers that the store lays claim to; ``ids`` are the platform's: ``integer`` or ``text``."""
        usual = Strategy.HASH if ids == "text" and not self.from_ else Strategy.NATIVE
        return Claim(
            store=store,
            account=account,
            strategy=self.strategy or usual,
            offset=self.offset or 0,
            source=self.from_,
        )

    def problem(self, ids: str) -> str:
        """Why the platform's ids cannot be numbered this way; empty if they can."""
        if ids == "text" and not self.from_ and self.strategy in (Strategy.NATIVE, Strategy.OFFSET):
            return (
                f"strategy {self.strategy} needs integers, but this platform's ids are text; leave strategy "
                "out (hash), or name an integer of the document under from"
            )
        return ""


class MappingSettings(StrictModel):
    """A store's choices: they overrule the adapter where it can be overruled."""

    order_id: OrderIdSettings = Field(default_factory=lambda: OrderIdSettings())
    financial_status: dict[Word, FinancialStatus] = Field(
        {}, description="The platform's word: Privy's value."
    )
    fulfillment_status: dict[Word, FulfillmentStatus] = Field(
        {}, description="The platform's word: Privy's value."
    )
    placed: dict[Word, bool] = Field(
        {}, description="The platform's word: whether an order in that state counts as placed."
    )
    fields: dict[PayloadField, JMESPath] = Field(
        {}, description="Payload field: JMESPath over the platform's document. null leaves the field out."
    )
    defaults: dict[DefaultField, Any] = Field(
        {}, description="Payload field: what is sent when nothing is found."
    )
    default_phone_region: Annotated[str, AfterValidator(_region)] | None = Field(
        None, description="Country of phone numbers whose address has none."
    )
    skip: dict[RuleName, SkipRule] = Field(
        {}, description="Rule: JMESPath that is true for orders to leave out."
    )

    @model_validator(mode="after")
    def _rules_fit(self) -> MappingSettings:
        _constants(self.defaults)
        for name, text in self.fields.items():
            _keys_fit(name, Expression(text).keys())
        for name, condition in self.skip.items():
            if condition is False and name == NO_CONTACT:
                raise ValueError(
                    "skip.no-contact cannot be switched off: Privy takes no order without e-mail and phone"
                )
            if condition is False and name not in BUILT_IN_RULES:
                raise ValueError(
                    f"skip.{name}: false switches off a built-in rule ({TEST_ORDER}, {NOT_PLACED}); "
                    "for a rule of your own, leave the line out"
                )
        return self
