"""Which stores there are, and that each stays what it was: an order keeps its number at Privy for ever."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from connector.mapping.order_ids import Numbering, numberings
from connector.model.errors import ConfigError, Problem
from connector.model.facts import StoreFacts
from connector.sdk import registry
from connector.settings.models import Settings
from connector.state import stores


class Remember(Protocol):
    """``stores.register``, or ``stores.foretell`` for whoever only reads."""

    def __call__(
        self,
        connection: Connection,
        *,
        name: str,
        platform: str,
        account: str,
        base_url: str,
        live_from: datetime | None,
        starts: bool,
        now: datetime,
    ) -> StoreFacts: ...


def numbering_of(settings: Settings) -> dict[str, Numbering]:
    """How each store's orders are numbered, given the stores that share its account."""
    return numberings(
        store.mapping.order_id.claim(
            store=name, account=store.account, ids=registry.adapter(store.platform).traits.ids
        )
        for name, store in settings.stores.items()
    )


def registered(
    connection: Connection,
    settings: Settings,
    path: Path,
    found: dict[str, Numbering],
    now: datetime,
    *,
    remember: Remember,
    starts: Container[str],
) -> dict[str, StoreFacts]:
    """Remember the configured stores, those in ``starts`` as live from now on; returns what is known of each.

    Raises ConfigError for a configuration that would make known orders new ones to Privy.
    """
    problems = [
        problem
        for name in settings.stores
        if (known := stores.facts(connection, name)) is not None and known.numbering is not None
        for problem in changes(settings, path, name, known, found[name])
    ]
    if problems:
        raise ConfigError(problems)
    return {
        name: remember(
            connection,
            name=name,
            platform=store.platform,
            account=store.account,
            base_url=settings.accounts[store.account].base_url,
            live_from=store.live_from,
            starts=name in starts,
            now=now,
        )
        for name, store in settings.stores.items()
    }


def changes(
    settings: Settings, path: Path, name: str, known: StoreFacts, numbering: Numbering
) -> Iterator[Problem]:
    """What of a store whose orders went out may not change as it did."""
    store = settings.stores[name]
    for key, how, before, after in (
        ("mapping.order_id", "numbered", known.numbering, numbering.text),
        ("account", "delivered to account", known.account, store.account),
        ("platform", "read from platform", known.platform, store.platform),
    ):
        if before != after:
            yield Problem(
                str(path),
                f"stores.{name}.{key}",
                f"the store's orders went out {how} {before!r}; with {after!r} Privy would take each for "
                "a new order and could write to its buyer. Set it back, or use another store name",
            )
    privy = settings.accounts[store.account].base_url
    if known.account == store.account and known.base_url != privy:
        yield Problem(
            str(path),
            f"accounts.{store.account}.base_url",
            f"the orders of store {name} went out to Privy at {known.base_url}; the one at "
            f"{privy} knows none of them: they would not be sent there, and the next change of "
            "one could write to its buyer as if it were new. Set it back, or begin with another "
            "database",
        )
