"""What ``check`` finds out about a shop, with the rights that a poll needs anyway."""

from __future__ import annotations

import msgspec

from adapters.vendure.client import Client, shaped
from adapters.vendure.configuration import Options
from adapters.vendure.orders import Orders
from adapters.vendure.statuses import FULFILLMENT
from connector.sdk.contract import Finding, ShopReport
from connector.sdk.findings import identity_of, own_statuses

_QUERY = """{
  activeChannel { code defaultCurrencyCode pricesIncludeTax }
  globalSettings { serverConfig { moneyStrategyPrecision orderProcess { name } } }
}"""


class _Process(msgspec.Struct):
    name: str


class _ServerConfig(msgspec.Struct, rename="camel"):
    money_strategy_precision: int
    order_process: list[_Process]


class _GlobalSettings(msgspec.Struct, rename="camel"):
    server_config: _ServerConfig


class _Channel(msgspec.Struct, rename="camel"):
    code: str
    default_currency_code: str
    prices_include_tax: bool


class _About(msgspec.Struct, rename="camel"):
    active_channel: _Channel
    global_settings: _GlobalSettings


async def diagnose(api: Client, orders: Orders, url: str, options: Options) -> ShopReport:
    """Raises AuthError and Unavailable when orders cannot be read; all else is a finding."""
    rows = await orders.newest()
    about = shaped(await api.ask(_QUERY, {}), _About)
    channel, config = about.active_channel, about.global_settings.server_config
    time = rows.date
    said = f"; the shop's clock says {time:%Y-%m-%dT%H:%M:%SZ}" if time else ""
    findings = [
        Finding(level="ok", subject="orders", message=f"can be read; {rows.total} were placed so far{said}"),
        Finding(
            level="ok",
            subject="channel",
            message=f"{channel.code}, {channel.default_currency_code}, prices "
            f"{'with' if channel.prices_include_tax else 'without'} tax; amounts have "
            f"{config.money_strategy_precision} decimals",
        ),
        Finding(
            level="warning",
            subject="silent changes",
            message="Vendure does not show in an order's change time that it was paid, shipped, delivered or "
            "refunded; the reading by itself finds it (reconcile.open_every), the plugin in the example "
            "store's file tells it at once",
        ),
    ]
    findings += _about_ids([str(body.get("id")) for body in rows.bodies])
    states = [one.name for one in config.order_process]
    findings += own_statuses(states, FULFILLMENT, "fulfillment_status")
    return ShopReport(findings=findings, identity=identity(url, channel.code if options.channel else ""))


def identity(url: str, channel: str) -> str:
    """Vendure does not know its own address, so it is the configured one, and the channel."""
    place = identity_of(url)
    return f"{place} channel {channel}" if channel else place


def _about_ids(ids: list[str]) -> list[Finding]:
    if all(id.isdecimal() for id in ids):
        return []
    message = "the shop's ids are text (UuidIdStrategy); set mapping.order_id.strategy to hash"
    return [Finding(level="warning", subject="ids", message=message)]
