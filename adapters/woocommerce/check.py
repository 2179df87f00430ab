"""What ``check`` finds out about a shop, with rights that a poll needs anyway where possible."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from adapters.woocommerce.client import Client
from adapters.woocommerce.site import slugs_of
from adapters.woocommerce.site_clock import SiteClock
from adapters.woocommerce.statuses import FINANCIAL
from connector.model.errors import AuthError, Unavailable
from connector.sdk import keyset
from connector.sdk.client import Answer
from connector.sdk.contract import Finding, ShopReport
from connector.sdk.findings import identity_of, own_statuses

_MAY_BE_LATE = "orders changed in one hour of spring can be missed until reconcile finds them"
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_OLDEST = (5, 8)  # the first with modified_after and dates_are_gmt


async def diagnose(client: Client, listing: keyset.Listing) -> ShopReport:
    """Raises AuthError and Unavailable when orders cannot be read; all else is a finding."""
    site = await _site(client)
    if site is None:
        return ShopReport(findings=[_PLAIN_PERMALINKS], identity=await _plain_identity(client))
    await listing.list.fetch(keyset.Ask(low=_LONG_AGO, high=None, start=0, size=1))
    findings = [Finding(level="ok", subject="orders", message="can be read with this key")]
    findings += _about_clock(site)
    status = await _optional(client, "system_status", {"_fields": "settings,environment"})
    findings += _about_system(status)
    findings += _about_statuses(await _optional(client, "orders/statuses", {}))
    environment = _object(_object(status).get("environment"))
    return ShopReport(
        findings=findings,
        identity=identity_of(str(_object(site).get("home") or environment.get("home_url") or "")),
    )


_PLAIN_PERMALINKS = Finding(
    level="error",
    subject="permalinks",
    message="the shop has plain permalinks, with which WooCommerce's API does not work; "
    "in wp-admin choose any other structure under Settings, Permalinks",
)


async def _site(client: Client) -> Answer | None:
    """The site's index; None without permalinks; any other answer where it is closed to the public.

    Without permalinks the web server says that there is no such address, again and again, while the other
    address works. Whatever else is wrong with the index passes.
    """
    try:
        return await client.index("home,url,timezone_string,gmt_offset")
    except AuthError:
        return await client.get("orders", {"per_page": "1", "_fields": "id"})
    except Unavailable:
        if not await _is_plain(client):
            raise
        return None


async def _is_plain(client: Client) -> bool:
    try:
        if await client.has_index():
            return False
        await client.plain_index()
        return not await client.has_index()
    except (AuthError, Unavailable):
        return False


async def _plain_identity(client: Client) -> str:
    return identity_of(str(_object(await client.plain_index()).get("home") or ""))


async def _optional(client: Client, path: str, params: dict[str, str]) -> Answer | None:
    """What the key may not read, or the shop does not have, is not a fault."""
    try:
        return await client.get(path, params)
    except (AuthError, Unavailable):
        return None


def _about_clock(site: Answer) -> Sequence[Finding]:
    date = site.reply.date
    facts = _object(site)
    zone = facts.get("timezone_string") or f"UTC offset {facts.get('gmt_offset', 'unknown')}"
    said = (
        f"the shop's clock says {date:%Y-%m-%dT%H:%M:%SZ}; time zone {zone}" if date else f"time zone {zone}"
    )
    try:
        SiteClock.of(facts)
    except ValueError:
        message = f"{said}, which this machine does not know; install tzdata, else {_MAY_BE_LATE}"
        return [Finding(level="warning", subject="clock", message=message)]
    if not facts:
        message = f"{said}: the index of the site's REST API is closed to the public, so {_MAY_BE_LATE}"
        return [Finding(level="warning", subject="clock", message=message)]
    return [Finding(level="ok", subject="clock", message=said)]


def _about_system(status: Answer | None) -> Sequence[Finding]:
    if status is None:
        message = (
            "not readable with this key (its user is no administrator): version and storage are not known"
        )
        return [Finding(level="warning", subject="system status", message=message)]
    environment = _object(_object(status).get("environment"))
    settings = _object(_object(status).get("settings"))
    version = str(environment.get("version") or "unknown")
    findings = [
        Finding(
            level="ok",
            subject="shop",
            message=f"WooCommerce {version}, WordPress {environment.get('wp_version') or 'unknown'}, "
            f"{settings.get('currency') or 'unknown currency'}, "
            f"{settings.get('number_of_decimals', '?')} decimals",
        )
    ]
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers and numbers < _OLDEST:
        message = f"WooCommerce {version} cannot list orders by their change time; update to 5.8 or newer"
        findings.append(Finding(level="error", subject="version", message=message))
    if settings.get("HPOS_enabled") is True:
        findings.append(
            Finding(level="ok", subject="storage", message="orders are in their own tables (HPOS)")
        )
    else:
        message = (
            "orders are in the legacy storage, where a change of addresses, items, totals or consents does "
            "not move an order's change time; register webhooks and let reconcile run to see such changes"
        )
        findings.append(Finding(level="warning", subject="storage", message=message))
    return findings


def _about_statuses(answer: Answer | None) -> Sequence[Finding]:
    slugs = slugs_of(answer.value) if answer is not None else []
    return own_statuses(slugs, FINANCIAL, "financial_status", "fulfillment_status", "placed")


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, Answer):
        value = value.value
    return value if isinstance(value, dict) else {}
