"""The real schema (2026-10, trimmed) over the shop's documents: fields, scopes, masking, connections."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema, build_schema, get_named_type

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


def resolve(source: Any, info: Info, **arguments: Any) -> Any:
    """Every field: of the root by a method, of documents by its name, lists cut as asked."""
    call: Call = info.context
    parent, name = info.parent_type.name, info.field_name
    authorize(call.shop, parent, name)
    if not isinstance(source, dict):  # the root
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


def authorize(shop: Shop, parent: str, name: str) -> None:
    """Raises GraphQLError for a field whose scope the app lacks, or that is masked."""
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
    size = len(rows) if whole else page_size(arguments)
    chosen = rows[start : start + size]
    cursors = [cursor(start + n, str(start + n)) for n in range(len(chosen))]
    return joined(chosen, cursors, more=start + size < len(rows), before=start > 0)


def joined(nodes: Sequence[Document], cursors: Sequence[str], *, more: bool, before: bool) -> Document:
    """A connection of these nodes."""
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


def page_size(arguments: Mapping[str, Any]) -> int:
    """What ``first`` asks for. Raises GraphQLError when it is missing or too large."""
    if arguments.get("last") is not None or arguments.get("before") is not None:
        raise NotImplementedError("the stand-in pages forwards only")
    size = arguments.get("first")
    if size is None:
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    if not 0 <= size <= PAGE:
        raise GraphQLError(f"first cannot exceed {PAGE}", extensions={"code": "BAD_REQUEST"})
    return int(size)


def cursor(id: int, value: str) -> str:
    """As Shopify writes them; opaque to clients."""
    return b64encode(json.dumps({"last_id": id, "last_value": value}).encode()).decode()


def _decoded(cursor: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(b64decode(cursor, validate=True))
    except ValueError:
        raise GraphQLError(f"`{cursor}` does not appear to be a valid cursor.") from None
    return found


def place_after(cursor: str) -> Place:
    """The place in the index that a cursor tells."""
    found = _decoded(cursor)
    time = datetime.strptime(found["last_value"], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    return time, int(found["last_id"])
