"""What ``check`` finds out about a shop, and what the shop would not mention."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.shopify import queries
from adapters.shopify.access import is_local
from adapters.shopify.client import Client
from adapters.shopify.listing import Listing
from connector.sdk.contract import Finding, ShopReport
from connector.sdk.graphql import Answer

_NEAR = timedelta(days=90)
_APP = "in the Dev Dashboard make a new version of the app with it, and install it again"

_SCOPES = (
    ("read_customers", "consents and customer ids are not sent, and no e-mail that only the customer has"),
    ("read_fulfillments", "webhooks about deliveries cannot be registered; reconcile finds them later"),
)


async def diagnose(client: Client, listing: Listing, version: str) -> ShopReport:
    """Raises AuthError and Unavailable when orders cannot be read; all else is a finding."""
    facts = await client.ask(queries.SHOP)
    client.granted(facts.data)
    shop = _object(facts.data.get("shop"))
    identity = str(shop.get("myshopifyDomain") or "").lower()
    client.withheld = ()
    rows = await listing.page("", sort="UPDATED_AT", reverse=True, after=None, most=1)
    plan = str(_object(shop.get("plan")).get("publicDisplayName") or "unknown")
    findings = [
        Finding(level="ok", subject="orders", message="can be read with this app"),
        Finding(
            level="ok",
            subject="shop",
            message=f"plan {plan}, {shop.get('currencyCode') or 'unknown currency'}",
        ),
        *_about_domain(client, identity),
        *await _about_scopes(client),
        *_about_masking(client, [document.body for document in rows.documents]),
        *_about_version(facts, version),
    ]
    return ShopReport(findings=findings, identity=identity)


def _about_domain(client: Client, identity: str) -> Sequence[Finding]:
    if not identity or is_local(client.domain) or identity == client.domain:
        return []
    message = f"the shop calls itself {identity}, not {client.domain}; set url to https://{identity}"
    return [Finding(level="warning", subject="address", message=message)]


async def _about_scopes(client: Client) -> Sequence[Finding]:
    missing = [(scope, effect) for scope, effect in _SCOPES if not await client.may(scope)]
    findings = [
        Finding(level="warning", subject="scopes", message=f"{scope} is missing: {effect}; {_APP}")
        for scope, effect in missing
    ]
    if not missing:
        findings.append(
            Finding(level="ok", subject="scopes", message="orders, customers and fulfillments can be read")
        )
    if not await client.may("read_all_orders"):
        message = (
            "read_all_orders is missing: Shopify shows the orders of the last 60 days only, a backfill finds "
            "no older ones, and older ones are not followed; the scope has to be asked for (Dev Dashboard, "
            "app, API access requests)"
        )
        findings.append(Finding(level="warning", subject="60 days", message=message))
    return findings


def _about_masking(client: Client, bodies: Sequence[dict[str, Any]]) -> Sequence[Finding]:
    if client.withheld:
        message = (
            f"Shopify withholds buyers' data ({client.withheld[-1]}); orders without e-mail and phone are "
            "skipped. The shop's plan (Grow or higher) or the app's access to protected customer data decides"
        )
        return [Finding(level="warning", subject="buyers' data", message=message)]
    people = [body for body in bodies if body.get("email") or body.get("phone")]
    if bodies and not people:
        message = "the newest order has no contact; if none has, Shopify withholds them on this plan"
        return [Finding(level="ok", subject="buyers' data", message=message)]
    return (
        [Finding(level="ok", subject="buyers' data", message="names and contacts are shown")]
        if bodies
        else []
    )


def _about_version(facts: Answer, version: str) -> Sequence[Finding]:
    """A version lives for a year; then Shopify silently answers by another one."""
    ran = facts.reply.headers.get("x-shopify-api-version", "")
    handles = facts.data.get("publicApiVersions")
    rows = [_object(row) for row in handles] if isinstance(handles, list) else []
    newest = max((str(row.get("handle")) for row in rows if row.get("supported") is True), default="")
    advice = f"set options.api_version to {newest}" if newest > version else "update this program"
    if ran and ran != version:
        message = f"Shopify answers by version {ran} instead of {version}, which it no longer has; {advice}"
        return [Finding(level="warning", subject="api version", message=message)]
    now = facts.reply.date
    end = datetime(int(version[:4]) + 1, int(version[5:]), 1, tzinfo=UTC)
    if now is not None and end - now < _NEAR:
        message = f"version {version} may end on {end:%Y-%m-%d}; {advice}"
        return [Finding(level="warning", subject="api version", message=message)]
    return [Finding(level="ok", subject="api version", message=f"{version}, at least until {end:%Y-%m-%d}")]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
