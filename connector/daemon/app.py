"""Builds everything from a configuration, and takes it down again."""

from __future__ import annotations

from collections.abc import Container
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from connector.daemon.registration import numbering_of, registered
from connector.delivery.privy import Privy
from connector.delivery.sender import Sender
from connector.delivery.turn import BACKOFF
from connector.ingest import subscriptions
from connector.ingest.renumbering import renumber
from connector.ingest.source import Shop
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering
from connector.model.errors import UsageError
from connector.runtime.clock import Clock
from connector.runtime.http import Http
from connector.sdk import registry
from connector.settings.loader import Loaded
from connector.settings.models import AccountSettings, Settings
from connector.state import breakers, inbox, quota, stores
from connector.state.database import Database
from connector.state.outbox import claims
from connector.state.subscriptions import drop_others

PAGE = 500  # orders of one transaction after a start


class App:
    """The parts of a running connector, as an async context manager.

    With ``reading`` building them takes no lock of the database's: a store that is new is not remembered.
    The stores in ``starts`` go live now, unless they did before; what only looks starts none.
    """

    def __init__(self, loaded: Loaded, *, reading: bool = False, starts: Container[str] = ()) -> None:
        self._reading = reading
        self._starts = () if reading else starts
        self.settings: Settings = loaded.settings
        self.path: Path = loaded.path
        self.clock = Clock()
        self.http = Http()
        self.db = Database(self.settings.database)
        self.shops: dict[str, Shop] = {}
        self.senders: dict[str, Sender] = {}

    async def __aenter__(self) -> Self:
        if not self.senders:
            await self.prepare()
        return self

    async def prepare(self) -> None:
        """Build shops and senders. Raises ConfigError for a numbering that may not change, and is closed."""
        try:
            found = numbering_of(self.settings)
            run = self.db.read if self._reading else self.db.run
            facts = await run(
                registered,
                self.settings,
                self.path,
                found,
                self.clock.now(),
                remember=stores.foretell if self._reading else stores.register,
                starts=self._starts,
            )
        except BaseException:
            await self.close()
            raise
        for name, settings in self.settings.stores.items():
            adapter = registry.adapter(settings.platform)(
                url=settings.url,
                credentials=settings.credentials,
                options=settings.options,
                http=self.http.shared(),
            )
            self.shops[name] = Shop(
                name=name,
                account=settings.account,
                adapter=adapter,
                mapper=Mapper(settings.mapping, found[name]),
                facts=facts[name],
                live_window=settings.live_window,
                historical_updates=settings.historical_updates,
                forgotten_buyers=settings.forgotten_buyers,
                db=self.db,
                clock=self.clock,
                configured=self.settings.stores.keys(),
                wake=partial(self.wake, settings.account),
            )
        for name, account in self.settings.accounts.items():
            self.senders[name] = self._sender(name, account, found)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections; running transactions are finished first."""
        await self.http.__aexit__(None, None, None)
        self.db.close()

    def wake(self, account: str) -> None:
        """Something of the account may leave now."""
        self.senders[account].wake.set()

    def nudge(self, store: str) -> None:
        """A webhook of the store was kept, if the store is still configured."""
        if store in self.shops:
            self.shops[store].nudged.set()

    def shop(self, name: str) -> Shop:
        """The shop of a configured store; raises UsageError for any other name."""
        if name not in self.shops:
            known = ", ".join(sorted(self.shops)) or "none"
            raise UsageError(f"there is no store {name!r} in {self.path}; configured stores: {known}")
        return self.shops[name]

    async def recover(self) -> None:
        """After taking the daemon's lock: settle what an earlier process left in flight."""

        def work(connection: Connection) -> None:
            steady, now = self.clock.steady(), self.clock.now()
            for account in self.senders:
                quota.recover(connection, account, steady)
                claims.recover(connection, account, now=now, steady=steady)
            breakers.probe_now(connection, steady)
            inbox.recover(connection, steady)
            watched = [
                name for name, shop in self.shops.items() if subscriptions.expected(shop, self.settings)
            ]
            drop_others(connection, watched)

        await renumber(self.db, self.shops.values(), self.clock)
        await self.db.run(work)
        limit = self.clock.steady() + BACKOFF.longest
        for store in self.shops:
            while late := await self.db.read(claims.due_after, store, limit, PAGE):
                await self.db.run(claims.hasten, store, late, limit)

    def _sender(self, name: str, account: AccountSettings, found: dict[str, Numbering]) -> Sender:
        own = {key: store for key, store in self.settings.stores.items() if store.account == name}
        return Sender(
            account=name,
            privy=Privy(
                http=self.http,
                clock=self.clock,
                base_url=account.base_url,
                token=account.token.get_secret_value() if account.token else None,
                client=(account.oauth.client_id, account.oauth.client_secret.get_secret_value())
                if account.oauth
                else None,
            ),
            limits=account.limits,
            rules={
                key: claims.SendingRules(
                    live_from=self.shops[key].facts.live_from,
                    live_window=store.live_window,
                    historical_updates=store.historical_updates,
                    numbering=found[key].text,
                )
                for key, store in own.items()
            },
            tokens={
                key: store.integration_token.get_secret_value() if store.integration_token else None
                for key, store in own.items()
            },
            verified=lambda key: not self.db.elsewhere and self.shops[key].verified,
            db=self.db,
            clock=self.clock,
        )
