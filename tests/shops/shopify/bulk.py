"""Bulk operations: what may be asked, how they run, and the JSON Lines they leave behind."""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from graphql import DocumentNode, FieldNode, GraphQLError, OperationDefinitionNode, execute_sync, parse
from graphql.execution.values import get_argument_values

from tests.shops.shopify import search
from tests.shops.shopify.bulk_rules import refusals
from tests.shops.shopify.documents import gid, when
from tests.shops.shopify.execution import Call, Place, resolve, schema
from tests.shops.shopify.orders import Document
from tests.shops.shopify.root import Root

if TYPE_CHECKING:
    from tests.shops.shopify.shop import Shop

MOST_RUNNING = 5
PORTION = 50  # orders whose children are written after all of them
ENDED = ("COMPLETED", "FAILED", "CANCELED", "EXPIRED")


@dataclass
class Operation:
    """One bulk operation. ``end`` is what it comes to once it may."""

    id: int
    query: str
    document: DocumentNode
    group: bool
    created_at: datetime
    status: str = "CREATED"
    end: tuple[str, str | None, bool] = ("COMPLETED", None, False)  # status, error, with partial data
    error: str | None = None
    completed_at: datetime | None = None
    lines: list[bytes] = field(default_factory=list)
    roots: int = 0
    looks: int = 0
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    expired: bool = False

    @property
    def body(self) -> bytes:
        """The file."""
        return b"".join(self.lines)


class Bulk:
    """``held``: nothing ends by itself. ``url`` is where files are fetched, set by the server."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._ids = count(7_900_000_000_001)
        self._operations: dict[int, Operation] = {}
        self._ends: deque[tuple[str, str | None, bool]] = deque()
        self.held = False
        self.looks = 1  # how often it is seen running
        self.url = ""
        self.fetched = 0
        self.chunk = 64 * 1024
        self.chunk_seconds = 0.0  # a slow download

    # For tests

    def script(self, status: str, error: str | None = None, *, partial: bool = False) -> None:
        """How the next operation ends: FAILED with an error code, CANCELED, EXPIRED."""
        self._ends.append((status, error, partial))

    def finish(self) -> None:
        """Whatever runs comes to its end now."""
        with self._shop.lock:
            for operation in self._operations.values():
                if operation.status not in ENDED:
                    self._end(operation)

    def expire(self) -> None:
        """Seven days later: no file can be fetched any more."""
        for operation in self._operations.values():
            operation.expired = True

    # For the API

    def start(self, query: str, *, group: bool) -> tuple[Document | None, list[Document]]:
        """The new operation, or what is wrong."""
        problems = refusals(query)
        if problems:
            return None, [{"field": ["query"], "message": text, "code": "INVALID"} for text in problems]
        running = [one for one in self._operations.values() if one.status not in ENDED]
        if len(running) >= MOST_RUNNING:
            names = ", ".join(gid("BulkOperation", one.id) for one in running)
            text = f"A bulk query operation for this app and shop is already in progress: {names}."
            return None, [{"field": None, "message": text, "code": "OPERATION_IN_PROGRESS"}]
        operation = Operation(next(self._ids), query, parse(query), group, self._shop.clock.now())
        if self._ends:
            operation.end = self._ends.popleft()
        self._operations[operation.id] = operation
        return self._document(operation), []

    def look(self, id: int) -> Document | None:
        """An operation as it is seen now; it goes on with each look."""
        operation = self._operations.get(id)
        if operation is None:
            return None
        if operation.status == "CREATED":
            operation.status = "RUNNING"
        elif operation.status == "RUNNING":
            operation.looks += 1
        done = operation.status == "RUNNING" and operation.looks >= self.looks and not self.held
        if done or operation.status == "CANCELING":
            self._end(operation)
        return self._document(operation)

    def cancel(self, id: int) -> Document | None:
        """Asks for the end of one."""
        operation = self._operations.get(id)
        if operation is None:
            return None
        if operation.status not in ENDED:
            operation.status, operation.end = "CANCELING", ("CANCELED", None, True)
        return self._document(operation)

    def listed(self) -> list[Document]:
        """All, newest first."""
        return [self._document(one) for one in sorted(self._operations.values(), key=lambda one: -one.id)]

    def file(self, key: str) -> Operation | None:
        """The operation whose file has this name."""
        return next((one for one in self._operations.values() if one.key == key), None)

    def _document(self, operation: Operation) -> Document:
        ended = operation.status in ENDED
        there = bool(operation.lines) and operation.status != "EXPIRED"
        url = f"{self.url}/bulk/{operation.key}.jsonl?Expires=1" if there else None
        return {
            "__typename": "BulkOperation",
            "id": gid("BulkOperation", operation.id),
            "status": operation.status,
            "errorCode": operation.error,
            "createdAt": when(operation.created_at),
            "completedAt": when(operation.completed_at),
            "objectCount": str(len(operation.lines)),
            "rootObjectCount": str(operation.roots),
            "fileSize": str(len(operation.body)) if ended and there else None,
            "url": url if operation.status == "COMPLETED" else None,
            "partialDataUrl": url if operation.status in ("FAILED", "CANCELED") else None,
            "query": operation.query,
            "type": "QUERY",
        }

    # The work

    def _end(self, operation: Operation) -> None:
        operation.status, operation.error, partial = operation.end
        operation.completed_at = self._shop.clock.now()
        if operation.status == "COMPLETED" and (problem := self._problem(operation)):
            operation.status, operation.error = "FAILED", problem
        if operation.status == "COMPLETED" or partial:
            try:
                lines = list(self._lines(operation))
            except PermissionError:
                operation.status, operation.error, lines = "FAILED", "ACCESS_DENIED", []
            operation.lines = lines[: len(lines) // 2] if partial else lines
        self._shop.webhooks.announce_bulk(operation)

    def _problem(self, operation: Operation) -> str | None:
        """A filter by another time than the list is sorted by runs into Shopify's own time limit."""
        name, asked, _ = self._asked(operation)
        return "TIMEOUT" if any(bound[0] != name for bound in asked.bounds) else None

    def _asked(self, operation: Operation) -> tuple[str, search.Search, bool]:
        """By which time it is sorted, what it searches, and whether the newest come first."""
        (definition,) = operation.document.definitions[:1]
        assert isinstance(definition, OperationDefinitionNode)
        (root,) = definition.selection_set.selections
        assert isinstance(root, FieldNode)
        query = schema().query_type
        assert query is not None
        arguments = get_argument_values(query.fields[root.name.value], root)
        asked = search.read(arguments.get("query"))
        return str(arguments["sortKey"]).lower(), asked, bool(arguments["reverse"])

    def _lines(self, operation: Operation) -> Iterator[bytes]:
        name, asked, newest_first = self._asked(operation)
        shop = self._shop
        found = shop.index.found(name, asked, shop.orders, shop.visible())
        places = iter(found[::-1] if newest_first else found)
        size = 1 if operation.group else PORTION
        while portion := list(islice(places, size)):
            operation.roots += len(portion)
            parents, children = self._portion(operation, portion)
            yield from (_line(one) for one in parents)
            while any(children):  # one of each parent in turn: the order within a parent stays
                yield from (_line(rows.pop(0)) for rows in children if rows)

    def _portion(
        self, operation: Operation, portion: Sequence[Place]
    ) -> tuple[list[Document], list[list[Document]]]:
        call = Call(self._shop, whole=portion)
        result = execute_sync(
            schema(),
            operation.document,
            root_value=Root(call),
            context_value=call,
            field_resolver=resolve,
        )
        for error in result.errors or ():
            if (error.extensions or {}).get("code") == "ACCESS_DENIED":
                raise PermissionError
            if not isinstance(error.original_error, GraphQLError | None):
                raise error.original_error
        assert result.data is not None
        parents, children = [], []
        for edge in next(iter(result.data.values()))["edges"]:
            row = edge["node"]
            nested = [name for name, value in row.items() if isinstance(value, dict) and "edges" in value]
            below = [
                {**each["node"], "__parentId": row["id"]} for name in nested for each in row[name]["edges"]
            ]
            parents.append({name: value for name, value in row.items() if name not in nested})
            children.append(below)
        return parents, children


def _line(row: Any) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
