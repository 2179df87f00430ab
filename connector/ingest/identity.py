"""Whether a shop is still the one that its store began with: a staging copy must not send anything.

And whether the store still has the name it began with: hashed numbers are made of it.
"""

from __future__ import annotations

from sqlalchemy import Connection

from connector.ingest.source import Shop
from connector.model.errors import Unavailable, UsageError
from connector.model.states import BreakerKind, BreakerScope
from connector.state import breakers, stores

VERIFY_SECONDS = 3600.0  # how often the shop is asked again which address it thinks it has


async def adopt(shop: Shop) -> str:
    """Accept the address that the shop now says; returns it. Raises AuthError and Unavailable."""
    report = await shop.adapter.check()

    def keep(connection: Connection) -> None:
        stores.set_identity(connection, shop.name, report.identity)
        for scope in (BreakerScope.SHOP, BreakerScope.STORE):
            pause = breakers.get(connection, scope, shop.name)
            if pause is not None and pause.kind is BreakerKind.IDENTITY:
                breakers.succeed(connection, scope, shop.name)

    if not report.identity:
        raise UsageError(
            f"store {shop.name}: the shop does not say its address, so there is nothing to adopt"
        )
    await shop.db.run(keep)
    return report.identity


async def verify(shop: Shop) -> None:
    """Make sure of it, now and then. Raises AuthError, and Unavailable when it is another shop or name."""
    steady = shop.clock.steady()
    if shop.verified_at is not None and steady - shop.verified_at < VERIFY_SECONDS:
        return
    report = await shop.adapter.check()
    facts = await shop.db.run(stores.facts, shop.name)
    assert facts is not None
    wrong = ""
    if report.identity and facts.identity and report.identity != facts.identity:
        wrong = (
            f"the shop now says that it is {report.identity}, but this store began with {facts.identity}; "
            f"a staging copy must not send anything. If the shop moved: connector adopt {shop.name}"
        )
    elif report.identity and not facts.identity:
        before = await shop.db.run(_name_before, shop, report.identity)
        if before:
            wrong = (
                f"this shop is known as store {before} already, and its orders went out under that name; "
                "under another each could be a new order to Privy, and write to its buyer. Name the store "
                f"{before} again; if a new store is what you want: connector adopt {shop.name}"
            )
        else:
            await shop.db.run(stores.set_identity, shop.name, report.identity)
    if wrong:
        shop.verified_at = None
        now = shop.clock.now()
        await shop.db.run(
            breakers.fail,
            BreakerScope.STORE,
            shop.name,
            BreakerKind.IDENTITY,
            wrong,
            now=now,
            steady=steady,
            wait=breakers.MAX_WAIT,
        )
        raise Unavailable(wrong)
    pause = await shop.db.run(breakers.get, BreakerScope.STORE, shop.name)
    if pause is not None and pause.kind is BreakerKind.IDENTITY:
        await shop.db.run(breakers.succeed, BreakerScope.STORE, shop.name)
    shop.verified_at = steady
    shop.wake()


def _name_before(connection: Connection, shop: Shop, identity: str) -> str:
    """The store that this shop's orders went out as, if the configuration has no such store any more."""
    its = (identity, shop.facts.platform, shop.account)
    for one in stores.every(connection):
        if (
            (one.identity, one.platform, one.account) == its
            and one.numbering
            and one.name not in shop.configured
        ):
            return one.name
    return ""
