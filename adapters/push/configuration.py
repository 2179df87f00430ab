"""What a store of platform ``push`` can configure: where things stand in its documents."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema, model_validator

from connector.sdk.contract import StrictModel
from connector.sdk.expressions import JMESPath

SHORTEST_TOKEN = 16


def _one_or_two(value: Any) -> Any:
    if isinstance(value, list) and not 1 <= len(value) <= 2:
        raise ValueError(f"a list of {len(value)}; allowed are one token, or two while rotating")
    return (value,) if isinstance(value, str | SecretStr) else value


def _hard_to_guess(token: SecretStr) -> SecretStr:
    if len(token.get_secret_value()) < SHORTEST_TOKEN:
        raise ValueError(
            f"is shorter than {SHORTEST_TOKEN} characters; make a long one, as with: openssl rand -hex 32"
        )
    return token


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("there is no such time zone; write it like Europe/Berlin or UTC") from None
    return name


Tokens = Annotated[
    tuple[Annotated[SecretStr, AfterValidator(_hard_to_guess)], ...],
    BeforeValidator(_one_or_two),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
            ]
        }
    ),
]


class Credentials(StrictModel):
    """What a sender shows. Instead of a token it can sign with the store's ``webhook_secret``."""

    token: Tokens = Field(
        default=(), description="What senders give as Authorization: Bearer …; a list of two while rotating."
    )


class LineOptions(StrictModel):
    """Where things stand in one line item."""

    sku: JMESPath = "sku"
    quantity: JMESPath = "quantity"
    price: JMESPath = Field(default="price", description="The unit price before discounts, tax and shipping.")
    name: JMESPath = "name"
    product_id: JMESPath = "product_id"
    variant_id: JMESPath = "variant_id"


class DiscountOptions(StrictModel):
    """Where things stand in one discount."""

    code: JMESPath = "code"
    amount: JMESPath = "amount"


class TaxOptions(StrictModel):
    """Where things stand in one tax."""

    title: JMESPath = "title"
    amount: JMESPath = "amount"


class AddressOptions(StrictModel):
    """Where things stand in an address."""

    first_name: JMESPath = "first_name"
    last_name: JMESPath = "last_name"
    name: JMESPath = Field(
        default="name",
        description="The whole name, where there are no two: its last word becomes the last name.",
    )
    company: JMESPath = "company"
    address1: JMESPath = "address1"
    address2: JMESPath = "address2"
    city: JMESPath = "city"
    state_code: JMESPath = "state_code"
    country_code: JMESPath = Field(default="country_code", description="Two letters, or the country's name.")
    postal_code: JMESPath = "postal_code"
    phone: JMESPath = "phone"


class Options(StrictModel):
    """JMESPath expressions over the pushed document. What an expression does not find is not sent."""

    id: JMESPath = Field(
        default="order_id",
        description="The order's own id, the same for ever: a whole number, or text (then "
        "mapping.order_id.strategy is hash).",
    )
    number: JMESPath = Field(default="number", description="The number that people know the order by.")
    changed_at: JMESPath | None = Field(
        default=None,
        description="When the order last changed: tells its newest state. Default: order of arrival.",
    )
    version: JMESPath | None = Field(
        default=None, description="Instead of changed_at: a whole number that grows with every change."
    )
    placed_at: JMESPath = Field(
        default="order_date", description="When the order was placed: ISO 8601, or unix (milli)seconds."
    )
    placed: JMESPath = Field(
        default="placed", description="false while it is a cart or an unpaid checkout; not found: placed."
    )
    test: JMESPath = Field(default="test", description="true for an order that only tests the shop.")
    time_zone: Annotated[str, AfterValidator(_zone)] | None = Field(
        default=None, description="The zone of times that state none, like Europe/Berlin."
    )
    amounts: Literal["decimal", "minor"] = Field(
        default="decimal",
        description="minor: whole numbers of the currency's smallest unit: cents, or yen.",
    )
    currency: JMESPath = Field(default="currency", description="ISO 4217.")
    total: JMESPath = Field(default="total", description="What was sold; a refund does not lower it.")
    subtotal: JMESPath = Field(
        default="subtotal",
        description="Before tax, shipping and discounts; not found: quantity x price of the lines.",
    )
    financial_status: JMESPath = Field(
        default="financial_status",
        description="A word; Privy's own are known, others under mapping.financial_status.",
    )
    fulfillment_status: JMESPath = Field(
        default="fulfillment_status",
        description="A word; Privy's own are known, others under mapping.fulfillment_status.",
    )
    email: JMESPath = "email"
    phone: JMESPath = Field(
        default="[phone, shipping_address.phone, billing_address.phone]",
        description="A number, or several in the order in which they are tried.",
    )
    customer_id: JMESPath = "customer_id"
    email_consent: JMESPath = Field(
        default="accepts_email_marketing",
        description="true or false as the buyer said; null, which is sent as nothing, where it is not known.",
    )
    sms_consent: JMESPath = Field(
        default="accepts_sms_marketing", description="The same for text messages to the first number."
    )
    billing_address: JMESPath = "billing_address"
    shipping_address: JMESPath = "shipping_address"
    address: AddressOptions = Field(default_factory=AddressOptions, description="Within both addresses.")
    line_items: JMESPath = Field(default="line_items", description="A list.")
    line: LineOptions = Field(default_factory=LineOptions, description="Within each line item.")
    discounts: JMESPath = Field(default="discounts", description="A list.")
    discount: DiscountOptions = Field(default_factory=DiscountOptions, description="Within each discount.")
    tax_lines: JMESPath = Field(default="tax_lines", description="A list.")
    tax: TaxOptions = Field(default_factory=TaxOptions, description="Within each tax line.")

    @model_validator(mode="after")
    def _one_version(self) -> Options:
        if self.changed_at and self.version:
            raise ValueError("changed_at and version exclude each other; one of them tells the newest state")
        return self
