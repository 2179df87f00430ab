"""What the shop sells beside its catalogue: ways to pay, coupon codes, buyers; and the connector's key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.live.vendure.graphql import Api

BUYERS = (
    ("ada@example.com", "Ada", "Example", "+4915112345678"),
    ("bo@example.com", "Bo", "Sample", ""),
    ("chloe@example.com", "Chloé", "Démo", "+33612345678"),
    ("dai@example.com", "大", "例", "+819012345678"),
    ("eve+tag@example.com", "Eve", "O'Test", "+12125550123"),
)
ADDRESSES = {
    "de": {"streetLine1": "Hauptstr. 1", "city": "Berlin", "postalCode": "10115", "countryCode": "DE"},
    "us": {
        "streetLine1": "1 Main St",
        "city": "Austin",
        "province": "TX",
        "postalCode": "78701",
        "countryCode": "US",
    },
}
# What the example of a store tells an operator to grant.
PERMISSIONS = ("Order", "Customer", "Catalog", "Promotion", "PaymentMethod", "ShippingMethod")
CODES: dict[str, tuple[str, dict[str, str]]] = {
    "TENTH": ("order_percentage_discount", {"discount": "10"}),
    "THREE": ("order_fixed_discount", {"discount": "300"}),
    "SHIPPING": ("free_shipping", {}),
}


@dataclass(frozen=True)
class Goods:
    """A key for the connector, and the ids of the variants."""

    api_key: str
    variants: list[str]


async def stock(admin: Api) -> Goods:
    """Fill an empty shop."""
    await admin('mutation { login(username: "superadmin", password: "superadmin") %s }', "CurrentUser { id }")
    for code, at_once in (("at-once", "true"), ("later", "false")):
        arguments = [{"name": "automaticSettle", "value": at_once}]
        await admin(
            "mutation($i: CreatePaymentMethodInput!) { createPaymentMethod(input: $i) { id } }",
            i={
                "code": code,
                "enabled": True,
                "handler": {"code": "dummy-payment-handler", "arguments": arguments},
                "translations": _called(code),
            },
        )
    for code, (action, values) in CODES.items():
        arguments = [{"name": name, "value": value} for name, value in values.items()]
        await admin(
            "mutation($i: CreatePromotionInput!) { createPromotion(input: $i) %s }",
            "Promotion { id }",
            i={
                "enabled": True,
                "couponCode": code,
                "conditions": [],
                "actions": [{"code": action, "arguments": arguments}],
                "translations": _called(code),
            },
        )
    role = await admin(
        "mutation($i: CreateRoleInput!) { createRole(input: $i) { id } }",
        i={
            "code": "connector",
            "description": "reads orders",
            "permissions": [f"Read{name}" for name in PERMISSIONS],
        },
    )
    key = await admin(
        "mutation($i: CreateApiKeyInput!) { createApiKey(input: $i) { apiKey } }",
        i={"roleIds": [role["id"]], "translations": [{"languageCode": "en", "name": "privy-connector"}]},
    )
    variants = await admin("{ productVariants(options: { sort: { id: ASC } }) { items { id } } }")
    return Goods(key["apiKey"], [each["id"] for each in variants["items"]])


def _called(name: str) -> list[dict[str, Any]]:
    return [{"languageCode": "en", "name": name, "description": name}]
