"""What the shop sells, and where: four currencies, taxes of each kind, codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

# Title and price in EUR of six products in two sizes each; the smaller sticker has no sku.
PRODUCTS = (
    ("Mug", 12.5),
    ("T-shirt", 19.99),
    ("Notebook", 7.333),
    ("Lamp", 89.0),
    ("Sticker", 0.99),
    ("Sample", 0.0),
)
SIZES = ("One", "Two")
VARIANTS = [(title, size) for title, _ in PRODUCTS for size in SIZES]
RATES = {
    "eur": (1.0, 4.9),
    "usd": (1.1, 5.99),
    "jpy": (160.0, 500.0),
    "kwd": (0.334, 1.25),
}  # price, shipping
DECIMALS = {"jpy": 0, "kwd": 3}
REGIONS = {"eur": ("de", "fr"), "usd": ("us",), "jpy": ("jp",), "kwd": ("kw",)}
TAXES = {"de": 19, "fr": 20, "us": 8.875, "jp": 10}
CODES: dict[str, dict[str, Any]] = {
    "TENOFF": {
        "type": "percentage", "target_type": "items", "allocation": "each", "max_quantity": 100, "value": 10,
    },
    "FIVEEUR": {"type": "fixed", "target_type": "order", "value": 5, "currency_code": "eur"},
    "FREESHIP": {
        "type": "percentage", "target_type": "shipping_methods", "allocation": "each", "max_quantity": 1,
        "value": 100,
    },
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Goods:
    """Ids and keys of a stocked shop; ``regions`` by country."""

    secret_key: str
    publishable_key: str
    channel: str
    location: str
    shipping: str
    regions: dict[str, str]
    variants: list[str]


async def stock(client: httpx.AsyncClient, email: str, password: str) -> Goods:
    """Fill an empty shop through its Admin API."""
    login = await client.post("/auth/user/emailpass", json={"email": email, "password": password})
    headers = {"authorization": f"Bearer {login.raise_for_status().json()['token']}"}

    async def post(path: str, **body: Any) -> Any:
        reply = await client.post(f"/admin/{path}", json=body, headers=headers)
        if reply.status_code >= 300:
            raise RuntimeError(f"{path}: {reply.status_code} {reply.text[:300]}")
        return reply.json()

    async def get(path: str) -> Any:
        return (await client.get(f"/admin/{path}", headers=headers)).raise_for_status().json()

    channel = (await post("sales-channels", name="Storefront"))["sales_channel"]["id"]
    store = (await get("stores"))["stores"][0]["id"]
    currencies = [{"currency_code": code, "is_default": code == "eur"} for code in RATES]
    await post(f"stores/{store}", supported_currencies=currencies, default_sales_channel_id=channel)
    regions: dict[str, str] = {}
    for code, countries in REGIONS.items():
        region = await post(
            "regions", name=code, currency_code=code, countries=countries,
            payment_providers=["pp_system_default"], automatic_taxes=True,
        )  # fmt: skip
        regions |= dict.fromkeys(countries, region["region"]["id"])
    await _include_taxes(post, get, {regions["jp"], "jpy"})
    for country, rate in TAXES.items():
        tax = {"rate": rate, "name": f"{country.upper()} tax", "code": f"{country}-std"}
        await post("tax-regions", country_code=country, provider_id="tp_system", default_tax_rate=tax)
    location, profile, shipping = await _shipping(post, get, channel, regions)
    variants = [
        variant
        for title, price in PRODUCTS
        for variant in await _product(post, title, price, channel=channel, profile=profile)
    ]
    for code, method in CODES.items():
        await post("promotions", code=code, type="standard", status="active", application_method=method)
    publishable = (await post("api-keys", title="storefront", type="publishable"))["api_key"]
    await post(f"api-keys/{publishable['id']}/sales-channels", add=[channel])
    secret = (await post("api-keys", title="privy-connector", type="secret"))["api_key"]
    return Goods(
        secret_key=secret["token"],
        publishable_key=publishable["token"],
        channel=channel,
        location=location,
        shipping=shipping,
        regions=regions,
        variants=variants,
    )


async def _include_taxes(post: Any, get: Any, places: set[str]) -> None:
    """Prices of these regions and currencies are with tax."""
    for preference in (await get("price-preferences?limit=100"))["price_preferences"]:
        if preference["value"] in places:
            await post(f"price-preferences/{preference['id']}", is_tax_inclusive=True)


async def _shipping(post: Any, get: Any, channel: str, regions: dict[str, str]) -> tuple[str, str, str]:
    """A warehouse that ships everywhere; returns its id, the profile's and the option's."""
    address = {"address_1": "1 Dock Rd", "city": "Berlin", "country_code": "DE", "postal_code": "10115"}
    location = (await post("stock-locations", name="Warehouse", address=address))["stock_location"]["id"]
    await post(f"stock-locations/{location}/sales-channels", add=[channel])
    await post(f"stock-locations/{location}/fulfillment-providers", add=["manual_manual"])
    await post(f"stock-locations/{location}/fulfillment-sets", name="Shipping", type="shipping")
    found = await get(f"stock-locations/{location}?fields=*fulfillment_sets")
    whole = found["stock_location"]["fulfillment_sets"][0]["id"]
    zones = [{"type": "country", "country_code": country} for country in regions]
    zone = await post(f"fulfillment-sets/{whole}/service-zones", name="World", geo_zones=zones)
    profiles = (await get("shipping-profiles"))["shipping_profiles"]
    if not profiles:
        profiles = [(await post("shipping-profiles", name="Default", type="default"))["shipping_profile"]]
    option = await post(
        "shipping-options",
        name="Standard",
        service_zone_id=zone["fulfillment_set"]["service_zones"][0]["id"],
        shipping_profile_id=profiles[0]["id"],
        provider_id="manual_manual",
        price_type="flat",
        type={"label": "Standard", "description": "2-3 days", "code": "standard"},
        prices=[{"currency_code": code, "amount": amount} for code, (_, amount) in RATES.items()],
        rules=[],
    )
    return location, profiles[0]["id"], option["shipping_option"]["id"]


async def _product(post: Any, title: str, price: float, *, channel: str, profile: str) -> list[str]:
    """The ids of its variants, by size."""
    made = await post(
        "products",
        title=title,
        status="published",
        sales_channels=[{"id": channel}],
        shipping_profile_id=profile,
        options=[{"title": "Size", "values": SIZES}],
        variants=[
            {
                "title": size,
                **({} if (title, size) == ("Sticker", "Two") else {"sku": f"{title.upper()}-{size[0]}"}),
                "manage_inventory": False,
                "options": {"Size": size},
                "prices": [
                    {"currency_code": code, "amount": round(price * rate, DECIMALS.get(code, 3))}
                    for code, (rate, _) in RATES.items()
                ],
            }
            for size in SIZES
        ],
    )
    by_title = {variant["title"]: variant["id"] for variant in made["product"]["variants"]}
    return [by_title[size] for size in SIZES]
