"""The shop's webhook subscriptions: what this connector needs, what the shop has, and making the two meet.

Ours are those that lead to the store's own address; all others belong to somebody else and are never touched.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import msgspec

from connector.ingest.source import Shop
from connector.model.errors import UsageError
from connector.sdk.contract import Subscribes, Subscription
from connector.settings.models import Settings
from connector.state.subscriptions import Found, keep

SECRET_BYTES = 32


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one topic: ``did`` is kept, created, repaired, renewed or removed."""

    topic: str
    did: str


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the shop has: what leads to this connector, and what does not. ``topics`` are those we need."""

    topics: Sequence[str]
    ours: list[Subscription]
    others: list[Subscription]

    def of(self, topic: str) -> list[Subscription]:
        """Ours of one topic."""
        return [one for one in self.ours if one.topic == topic]


def managed(shop: Shop) -> Subscribes:
    """The shop's adapter, if its subscriptions can be managed. Raises UsageError otherwise."""
    if not isinstance(shop.adapter, Subscribes):
        title = shop.adapter.traits.title
        what = "its webhooks are set up by hand" if shop.adapter.traits.webhooks else "it has no webhooks"
        raise UsageError(f"store {shop.name}: the connector cannot manage webhooks of {title}; {what}")
    return shop.adapter


def address_of(store: str, settings: Settings) -> str:
    """Where the shop sends the store's webhooks; empty without a ``public_url``."""
    return f"{settings.public_url}/webhooks/{store}" if settings.public_url else ""


def new_secret() -> str:
    """One that nobody guesses, of characters that no shop changes before it signs."""
    return secrets.token_urlsafe(SECRET_BYTES)


async def inspect(shop: Shop, address: str) -> Held:
    """What the shop has. Without ``address``, whatever ends with the store's path counts as ours.

    Raises AuthError, Unavailable and UsageError.
    """
    adapter = managed(shop)
    ours: list[Subscription] = []
    others: list[Subscription] = []
    for one in await adapter.subscriptions():
        mine = one.address == address if address else one.address.endswith(f"/webhooks/{shop.name}")
        (ours if mine else others).append(one)
    return Held(topics=adapter.topics, ours=ours, others=others)


async def register(shop: Shop, address: str, secret: str, *, renew: bool = False) -> list[Change]:
    """Create what is missing and make anew what the shop disabled; with ``renew`` make all anew.

    A disabled subscription is removed and created again, because some shops keep its count of failures.
    Raises AuthError, Unavailable and UsageError; what was done until then stays, and doing it again goes on.
    """
    adapter = managed(shop)
    held = await inspect(shop, address)
    changes: list[Change] = []
    for topic in held.topics:
        found = held.of(topic)
        good = [] if renew else [one for one in found if one.active][:1]
        if not good:
            await adapter.subscribe(topic, address, secret)
        for one in found:
            if one not in good:
                await adapter.unsubscribe(one.id)
        did = "kept" if good else "created" if not found else "renewed" if renew else "repaired"
        changes.append(Change(topic=topic, did=did))
    return changes


async def remove(shop: Shop, address: str) -> list[Change]:
    """End all subscriptions that lead to the address. Raises AuthError, Unavailable and UsageError."""
    adapter = managed(shop)
    held = await inspect(shop, address)
    for one in held.ours:
        await adapter.unsubscribe(one.id)
    return [Change(topic=one.topic, did="removed") for one in held.ours]


def faults(shop: Shop, held: Held) -> dict[str, str]:
    """The needed topics whose webhooks do not come, each with a sentence that says what to do."""
    mend = f"connector webhooks register {shop.name}"
    sentences: dict[str, str] = {}
    for topic in held.topics:
        found = held.of(topic)
        if any(one.active for one in found):
            continue
        if found:
            said = f" ({found[0].said})" if found[0].said else ""
            sentences[topic] = f"the shop has switched off the webhook {topic}{said}; to make it anew: {mend}"
        else:
            sentences[topic] = f"the shop sends no webhook {topic} to this connector; to have it: {mend}"
    return sentences


def expected(shop: Shop, settings: Settings) -> bool:
    """Whether the configuration wants webhooks of this shop, so that missing ones are worth a word."""
    if not isinstance(shop.adapter, Subscribes):
        return False
    if shop.adapter.needs_secret:
        return bool(settings.stores[shop.name].webhook_secret)
    return bool(settings.public_url)


async def watch(shop: Shop, address: str) -> list[Found]:
    """Look at the shop's subscriptions and keep what is wrong; returns what was not known before.

    Raises AuthError and Unavailable, and keeps what was known then.
    """
    wrong = faults(shop, await inspect(shop, address))
    return await shop.db.run(keep, shop.name, wrong, shop.clock.now())
