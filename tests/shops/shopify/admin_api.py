"""The Admin API on GraphQL: the real schema (2026-10, trimmed), executed over the shop's documents."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    get_named_type,
    get_variable_values,
    parse,
    validate,
)

from tests.shops.shopify import search
from tests.shops.shopify.cost import MOST, Costs
from tests.shops.shopify.orders import Document

if TYPE_CHECKING:
    from tests.shops.shopify.shop import Shop

Place = tuple[datetime, int]  # of an order in the index
Info = GraphQLResolveInfo[Any]
PAGE = 250
DOCUMENTATION = "https://shopify.dev/api/usage/"
# Protected customer data of level 2 (the schema's own marks).
PROTECTED = {
    "Order": {"email", "phone", "statusPageUrl"},
    "Customer": {"firstName", "lastName", "displayName", "email", "phone"},
    "CustomerEmailAddress": {"emailAddress"},
    "CustomerPhoneNumber": {"phoneNumber"},
    "MailingAddress": {
        "firstName", "lastName", "name", "address1", "address2", "zip", "phone", "latitude", "longitude",
        "formatted",
    },
}  # fmt: skip
NEEDED = {
    ("QueryRoot", "orders"): "read_orders",
    ("QueryRoot", "order"): "read_orders",
    ("QueryRoot", "ordersCount"): "read_orders",
    ("Order", "customer"): "read_customers",
    ("QueryRoot", "customer"): "read_customers",
}
_UNKNOWN_FIELD = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'\.")


@cache
def schema() -> GraphQLSchema:
    """Read once a process: a quarter of a second."""
    return build_schema((Path(__file__).parent / "schema.graphql").read_text(), assume_valid=True)


@dataclass
class Call:
    """One operation under way: what it may see, and what is to be told beside the data."""

    shop: Shop
    searches: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    whole: Sequence[Place] | None = None  # in a bulk operation: the orders of this portion


def answer(shop: Shop, request: Mapping[str, Any]) -> Document:
    """The body of the answer to a POST of ``query``, ``variables`` and ``operationName``."""
    variables: dict[str, Any] = request.get("variables") or {}
    try:
        document = parse(str(request.get("query") or ""))
    except GraphQLError as error:
        return {"errors": [{**error.formatted, "extensions": {"code": "parseError"}}]}
    problems = validate(schema(), document)
    if problems:
        return {"errors": [_invalid(problem) for problem in problems]}
    operation, fragments = _parts(document, request.get("operationName"))
    values = get_variable_values(schema(), operation.variable_definitions or (), variables)
    if isinstance(values, list):
        return {"errors": [{**one.formatted, "extensions": {"code": "INVALID_VARIABLE"}} for one in values]}
    requested = Costs(schema(), fragments, values).of(operation)
    if requested > MOST:
        return {"errors": [_too_dear(requested)]}
    if shop.bucket.available() < requested:
        cost = {"requestedQueryCost": requested, "actualQueryCost": None}
        return {
            "errors": [throttled()],
            "extensions": {"cost": {**cost, "throttleStatus": shop.bucket.status()}},
        }
    shop.bucket.take(requested)
    call = Call(shop)
    result = execute_sync(
        schema(),
        document,
        root_value=Root(call),
        context_value=call,
        variable_values=variables,
        operation_name=request.get("operationName"),
        field_resolver=resolve,
    )
    for fault in result.errors or ():
        if not isinstance(fault.original_error, GraphQLError | None):
            raise fault.original_error
    actual = min(Costs(schema(), fragments, values, call.counts).of(operation), requested)
    shop.bucket.take(actual - requested)
    cost = {"requestedQueryCost": requested, "actualQueryCost": actual}
    found: Document = {"data": result.data}
    if result.errors:
        found["errors"] = [error.formatted for error in result.errors]
    found["extensions"] = {"cost": {**cost, "throttleStatus": shop.bucket.status()}}
    if call.searches:
        found["extensions"]["search"] = call.searches
    return found


def throttled() -> Document:
    """The error of an empty bucket."""
    return {
        "message": "Throttled",
        "extensions": {"code": "THROTTLED", "documentation": DOCUMENTATION + "rate-limits"},
    }


def resolve(source: Any, info: Info, **arguments: Any) -> Any:
    """Every field: of the root by a method, of documents by its name, lists cut as asked."""
    call: Call = info.context
    parent, name = info.parent_type.name, info.field_name
    _authorize(call.shop, parent, name)
    if isinstance(source, Root):
        return getattr(source, name)(info, **arguments)
    if name not in source:
        raise NotImplementedError(f"the stand-in has no {parent}.{name}")
    value = source[name]
    if isinstance(value, list):
        if get_named_type(info.return_type).name.endswith("Connection"):
            return connection(value, arguments, whole=call.whole is not None)
        if arguments.get("first") is not None:
            return value[: arguments["first"]]
    return value


def _authorize(shop: Shop, parent: str, name: str) -> None:
    scope = NEEDED.get((parent, name))
    if scope and scope not in shop.scopes:
        needed = f"`{scope}` access scope."
        raise GraphQLError(
            f"Access denied for {name} field. Required access: {needed}",
            extensions={
                "code": "ACCESS_DENIED",
                "documentation": DOCUMENTATION + "access-scopes",
                "requiredAccess": needed,
            },
        )
    if shop.masked and name in PROTECTED.get(parent, ()):
        raise GraphQLError(
            f"This app is not approved to access the {parent} object. "
            "See https://partners.shopify.com/123/apps/456/customer_data for more details."
        )


def connection(rows: Sequence[Document], arguments: Mapping[str, Any], *, whole: bool = False) -> Document:
    """A connection over a list of a document."""
    start = 0
    if arguments.get("after"):
        start = 1 + int(_decoded(arguments["after"])["last_id"])
    size = len(rows) if whole else _size(arguments)
    chosen = rows[start : start + size]
    cursors = [_cursor(start + n, str(start + n)) for n in range(len(chosen))]
    return _connection(chosen, cursors, more=start + size < len(rows), before=start > 0)


def _connection(nodes: Sequence[Document], cursors: Sequence[str], *, more: bool, before: bool) -> Document:
    return {
        "nodes": list(nodes),
        "edges": [{"node": node, "cursor": cursor} for node, cursor in zip(nodes, cursors, strict=True)],
        "pageInfo": {
            "hasNextPage": more,
            "hasPreviousPage": before,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }


def _size(arguments: Mapping[str, Any]) -> int:
    if arguments.get("last") is not None or arguments.get("before") is not None:
        raise NotImplementedError("the stand-in pages forwards only")
    size = arguments.get("first")
    if size is None:
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    if not 0 <= size <= PAGE:
        raise GraphQLError(f"first cannot exceed {PAGE}", extensions={"code": "BAD_REQUEST"})
    return int(size)


class Root:
    """``QueryRoot`` and ``Mutation``."""

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
            documents = [self._shop.orders[id].document() for _, id in chosen]
            return _connection(documents, [""] * len(documents), more=False, before=False)
        places = self.places(str(info.path.key), name, arguments.get("query"))
        if key == "id":
            places = sorted(places, key=lambda place: place[1])
        if arguments.get("reverse"):
            places = places[::-1]
        start, size = 0, _size(arguments)
        if arguments.get("after"):
            if key == "id":
                raise NotImplementedError("the stand-in gives one page of a list by id")
            place = _place(arguments["after"])
            start = sum(one >= place if arguments.get("reverse") else one <= place for one in places)
        end = min(start + size, len(places), self._shop.deepest)
        chosen = places[start:end]
        self._call.counts[str(info.path.key)] = len(chosen)
        documents = [self._shop.orders[id].document() for _, id in chosen]
        cursors = [_cursor(id, f"{time:%Y-%m-%d %H:%M:%S.%f}") for time, id in chosen]
        more = end < min(len(places), self._shop.deepest)
        return _connection(documents, cursors, more=more, before=start > 0)

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
        return found.document()

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
            _authorize(self._shop, "QueryRoot", "order")
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


def _parts(
    document: DocumentNode, name: str | None
) -> tuple[OperationDefinitionNode, dict[str, FragmentDefinitionNode]]:
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if name:
        operations = [one for one in operations if one.name and one.name.value == name]
    fragments = {
        one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
    }
    return operations[0], fragments


def _invalid(problem: GraphQLError) -> Document:
    found = _UNKNOWN_FIELD.match(problem.message)
    if found is None:
        return {**problem.formatted, "extensions": {"code": "invalid"}}
    return {
        **problem.formatted,
        "message": f"Field '{found[1]}' doesn't exist on type '{found[2]}'",
        "extensions": {"code": "undefinedField", "typeName": found[2], "fieldName": found[1]},
    }


def _too_dear(cost: int) -> Document:
    return {
        "message": f"Query cost is {cost}, which exceeds the single query max cost limit ({MOST}).\n\n"
        "See https://shopify.dev/concepts/about-apis/rate-limits for more information on how the\n"
        "cost of a query is calculated.",
        "extensions": {
            "code": "MAX_COST_EXCEEDED",
            "cost": cost,
            "maxCost": MOST,
            "documentation": DOCUMENTATION + "rate-limits",
        },
    }


def _number(kind: str, id: str) -> int:
    prefix = f"gid://shopify/{kind}/"
    number = id.removeprefix(prefix)
    if not id.startswith(prefix) or not number.isdecimal():
        raise GraphQLError(f"Invalid global id '{id}'", extensions={"code": "argumentLiteralsIncompatible"})
    return int(number)


def _cursor(id: int, value: str) -> str:
    return b64encode(json.dumps({"last_id": id, "last_value": value}).encode()).decode()


def _decoded(cursor: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(b64decode(cursor, validate=True))
    except ValueError:
        raise GraphQLError(f"`{cursor}` does not appear to be a valid cursor.") from None
    return found


def _place(cursor: str) -> Place:
    found = _decoded(cursor)
    time = datetime.strptime(found["last_value"], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    return time, int(found["last_id"])
