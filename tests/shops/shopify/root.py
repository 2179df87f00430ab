"""``QueryRoot`` and ``Mutation`` of the Admin API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError

from tests.shops.shopify import search
from tests.shops.shopify.documents import document
from tests.shops.shopify.execution import (
    Call,
    Info,
    Place,
    authorize,
    connection,
    cursor,
    joined,
    page_size,
    place_after,
)
from tests.shops.shopify.orders import Document


class Root:
    """Each field is a method."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._shop = call.shop

    # Orders

    def orders(self, info: Info, **arguments: Any) -> Document:
        """A page of the list, in the order of the sort key."""
        key = str(arguments.get("sortKey")).lower()
        name = "created_at" if key == "id" else key
        if name not in search.TIMES:
            raise NotImplementedError(f"the stand-in does not sort by {key}")
        if self._call.whole is not None:
            chosen = self._call.whole
            documents = [document(self._shop.orders[id]) for _, id in chosen]
            return joined(documents, [""] * len(documents), more=False, before=False)
        places = self.places(str(info.path.key), name, arguments.get("query"))
        if key == "id":
            places = sorted(places, key=lambda place: place[1])
        if arguments.get("reverse"):
            places = places[::-1]
        start, size = 0, page_size(arguments)
        if arguments.get("after"):
            if key == "id":
                raise NotImplementedError("the stand-in gives one page of a list by id")
            place = place_after(arguments["after"])
            start = sum(one >= place if arguments.get("reverse") else one <= place for one in places)
        end = min(start + size, len(places), self._shop.deepest)
        chosen = places[start:end]
        self._call.counts[str(info.path.key)] = len(chosen)
        documents = [document(self._shop.orders[id]) for _, id in chosen]
        cursors = [cursor(id, f"{time:%Y-%m-%d %H:%M:%S.%f}") for time, id in chosen]
        more = end < min(len(places), self._shop.deepest)
        return joined(documents, cursors, more=more, before=start > 0)

    def places(self, path: str, name: str, text: str | None) -> Sequence[Place]:
        """All that match, ascending; what could not be read of the search is noted."""
        asked = search.read(text)
        if asked.warnings:
            self._call.searches.append(asked.report(path))
        return self._shop.index.found(name, asked, self._shop.orders, self._shop.visible())

    def order(self, info: Info, id: str) -> Document | None:
        """One order, straight from the database: no index, no lag."""
        found = self._shop.orders.get(_number("Order", id))
        if found is None or found.created_at < self._shop.visible():
            return None
        return document(found)

    def ordersCount(  # noqa: N802
        self, info: Info, query: str | None = None, limit: int | None = 10_000, **_: Any
    ) -> Document:
        """How many match, up to the limit."""
        number = len(self.places(str(info.path.key), "created_at", query))
        if limit is not None and number > limit:
            return {"count": limit, "precision": "AT_LEAST"}
        return {"count": number, "precision": "EXACT"}

    def node(self, info: Info, id: str) -> Document | None:
        """An order, a bulk operation or a subscription by its global id."""
        kind = id.split("/")[3] if id.count("/") == 4 else ""
        if kind == "Order":
            authorize(self._shop, "QueryRoot", "order")
            return self.order(info, id)
        if kind == "BulkOperation":
            return self.bulkOperation(info, id)
        raise NotImplementedError(f"the stand-in gives no node {id}")

    def nodes(self, info: Info, ids: list[str]) -> list[Document | None]:
        """Several of them."""
        return [self.node(info, id) for id in ids]

    # The shop and the app

    def shop(self, info: Info) -> Document:
        """``Shop``."""
        shop = self._shop
        return {
            "__typename": "Shop",
            "id": "gid://shopify/Shop/954889",
            "name": shop.name,
            "email": "owner@example.com",
            "contactEmail": "owner@example.com",
            "myshopifyDomain": shop.domain,
            "url": f"https://{shop.domain}",
            "primaryDomain": {
                "host": "www.shop.example",
                "url": "https://www.shop.example",
                "sslEnabled": True,
            },
            "currencyCode": shop.currency,
            "enabledPresentmentCurrencies": [shop.currency, "CAD"],
            "ianaTimezone": "America/New_York",
            "timezoneOffset": "-0500",
            "taxesIncluded": False,
            "taxShipping": False,
            "createdAt": "2020-01-01T00:00:00Z",
            "updatedAt": "2026-11-01T00:00:00Z",
            "plan": {
                "displayName": "Basic" if shop.masked else "Grow",
                "publicDisplayName": "Basic" if shop.masked else "Grow",
                "shopifyPlus": False,
                "partnerDevelopment": False,
            },
        }

    def currentAppInstallation(self, info: Info) -> Document:  # noqa: N802
        """``AppInstallation``."""
        scopes = [{"handle": scope, "description": scope} for scope in sorted(self._shop.scopes)]
        app = {"id": "gid://shopify/App/1", "title": "Privy connector", "handle": "privy-connector",
               "apiKey": self._shop.client_id, "requestedAccessScopes": scopes,
               "webhookApiVersion": "2026-10"}  # fmt: skip
        return {"id": "gid://shopify/AppInstallation/1", "accessScopes": scopes, "app": app}

    def publicApiVersions(self, info: Info) -> list[Document]:  # noqa: N802
        """``ApiVersion``."""
        return [{"handle": one, "displayName": one, "supported": True} for one in self._shop.versions]

    # Bulk operations

    def bulkOperation(self, info: Info, id: str) -> Document | None:  # noqa: N802
        """One of them, a step further with every look."""
        return self._shop.bulk.look(_number("BulkOperation", id))

    def bulkOperations(self, info: Info, **arguments: Any) -> Document:  # noqa: N802
        """All of them, newest first, by status if asked."""
        asked = dict(term.split(":", 1) for term in (arguments.get("query") or "").split())
        found = [
            one
            for one in self._shop.bulk.listed()
            if asked.get("status", str(one["status"])).upper() == one["status"]
        ]
        return connection(found, arguments)

    def currentBulkOperation(self, info: Info, type: str = "QUERY") -> Document | None:  # noqa: N802
        """The newest."""
        return next(iter(self._shop.bulk.listed()), None)

    def bulkOperationRunQuery(  # noqa: N802
        self,
        info: Info,
        query: str,
        groupObjects: bool,  # noqa: N803
    ) -> Document:
        """Starts one, or says why not."""
        made, errors = self._shop.bulk.start(query, group=groupObjects)
        return {"bulkOperation": made, "userErrors": errors}

    def bulkOperationCancel(self, info: Info, id: str) -> Document:  # noqa: N802
        """Cancels one."""
        return {"bulkOperation": self._shop.bulk.cancel(_number("BulkOperation", id)), "userErrors": []}

    # Webhooks

    def webhookSubscriptions(self, info: Info, **arguments: Any) -> Document:  # noqa: N802
        """The app's own, oldest first."""
        topics = arguments.get("topics")
        uri = arguments.get("uri") or arguments.get("callbackUrl")
        found = [one.document() for one in self._shop.webhooks.subscriptions.values()]
        return connection(
            [
                one
                for one in found
                if (not topics or one["topic"] in topics) and (not uri or one["uri"] == uri)
            ],
            arguments,
        )

    def webhookSubscriptionsCount(self, info: Info, **_: Any) -> Document:  # noqa: N802
        """How many."""
        return {"count": len(self._shop.webhooks.subscriptions), "precision": "EXACT"}

    def webhookSubscriptionCreate(  # noqa: N802
        self,
        info: Info,
        topic: str,
        webhookSubscription: Document,  # noqa: N803
    ) -> Document:
        """Subscribes."""
        uri = webhookSubscription.get("uri") or webhookSubscription.get("callbackUrl") or ""
        made, problem = self._shop.webhooks.create(topic, uri)
        errors = [{"field": ["webhookSubscription", "callbackUrl"], "message": problem}] if problem else []
        return {"webhookSubscription": made.document() if made else None, "userErrors": errors}

    def webhookSubscriptionDelete(self, info: Info, id: str) -> Document:  # noqa: N802
        """Ends a subscription."""
        if self._shop.webhooks.delete(_number("WebhookSubscription", id)):
            return {"deletedWebhookSubscriptionId": id, "userErrors": []}
        problem = {"field": ["id"], "message": "Webhook subscription does not exist"}
        return {"deletedWebhookSubscriptionId": None, "userErrors": [problem]}


def _number(kind: str, id: str) -> int:
    prefix = f"gid://shopify/{kind}/"
    number = id.removeprefix(prefix)
    if not id.startswith(prefix) or not number.isdecimal():
        raise GraphQLError(f"Invalid global id '{id}'", extensions={"code": "argumentLiteralsIncompatible"})
    return int(number)
