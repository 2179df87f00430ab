"""Orders as Shopify gave them, in the one shape that a list, a single order and a bulk operation share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.sdk.fields import moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def node(body: dict[str, Any]) -> Document:
    """An order with its line items, as a plain list or as GraphQL's connection. Raises Unavailable, too."""
    lines = body.get("lineItems")
    if isinstance(lines, dict):
        edges = lines.get("edges")
        edges = edges if isinstance(edges, list) else []
        lines = lines.get("nodes") or [edge.get("node") for edge in edges if isinstance(edge, dict)]
    return document(body, lines if isinstance(lines, list) else [])


def document(node: Any, lines: Sequence[Any]) -> Document:
    """The order with its line items as a plain list.

    Raises Unavailable for what cannot be told from other orders; times that cannot be read are handed on,
    so that the order is kept and shown as failed.
    """
    ref = node.get("legacyResourceId") if isinstance(node, dict) else None
    if not isinstance(ref, str) or not (ref.isascii() and ref.isdecimal()):
        raise Unavailable(
            "the shop answered nonsense: an order has no usable legacyResourceId", maybe_done=True
        )
    changed_at = moment(node.get("updatedAt")) or moment(node.get("createdAt")) or _EPOCH
    return Document(ref=ref, changed_at=changed_at, body={**node, "lineItems": list(lines)})
