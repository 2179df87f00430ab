"""What stands well by itself in a configuration, and cannot stand beside the rest of it."""

from __future__ import annotations

from collections.abc import Iterator

from connector.mapping import order_ids
from connector.sdk import registry
from connector.settings.models import AccountSettings, StoreSettings
from connector.settings.urls import same_place


def between_accounts(accounts: dict[str, AccountSettings]) -> Iterator[tuple[str, str, str]]:
    """(account, key, sentence) for each account that is surely the Privy business of another."""
    seen: dict[tuple[str, str, str], str] = {}
    for name, account in accounts.items():
        if account.oauth is not None:
            key, own = "oauth.client_id", account.oauth.client_id
        elif account.token is not None:
            key, own = "token", account.token.get_secret_value()
        else:
            continue
        other = seen.setdefault((account.base_url, key, own), name)
        if other != name:
            yield (
                name,
                key,
                f"account {other} has the same, so both are one Privy business: its budget would be spent "
                f"twice, and orders could overwrite each other. Let the stores of both name account {other}",
            )


def between_stores(stores: dict[str, StoreSettings]) -> Iterator[tuple[str, str, str]]:
    """(store, key, sentence) for each store that cannot stand beside the others."""
    seen: dict[tuple[str, str, str, str], str] = {}
    for name, store in stores.items():
        options = store.options.model_dump_json()
        shop = (store.platform, same_place(store.url), options, store.account)
        if shop in seen:
            yield (
                name,
                "url",
                f"this shop is already read by store {seen[shop]} for account {store.account}; each of its "
                "orders would go out twice. Remove one of the two",
            )
        seen.setdefault(shop, name)
    ids = {name: registry.adapter(store.platform).traits.ids for name, store in stores.items()}
    for name, store in stores.items():
        problem = store.mapping.order_id.problem(ids[name])
        if problem:
            yield name, "mapping.order_id.strategy", problem
    claims = [
        store.mapping.order_id.claim(store=name, account=store.account, ids=ids[name])
        for name, store in stores.items()
    ]
    for name, sentence in order_ids.collisions(claims):
        yield name, "mapping.order_id", sentence
