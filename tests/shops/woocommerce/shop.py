"""The state of the stand-in shop: orders, clock, keys, webhooks. Thread-safe; knows nothing of HTTP."""

from __future__ import annotations

import heapq
import json
import random
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from threading import RLock
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from tests.shops import clock
from tests.shops.faults import Faults
from tests.shops.woocommerce.faults import KINDS
from tests.shops.woocommerce.hooks import Hooks, gone, headers_of
from tests.shops.woocommerce.templates import SAMPLE_NAMES, template

REGISTERED = (
    "pending",
    "processing",
    "on-hold",
    "completed",
    "cancelled",
    "refunded",
    "failed",
    "checkout-draft",
)
CONTROLS = frozenset(
    {
        "add", "seed", "edit", "refund", "trash", "untrash", "delete", "order", "commit", "fail", "calm",
        "set_clock", "advance_clock", "set_latency", "set_heaviest", "ids", "deliver", "break_order",
        "fail_share", "move_zone", "hide_status",
    }
)  # fmt: skip

Storage = Literal["hpos", "legacy"]


class Refused(Exception):
    """The shop says no: HTTP status, WordPress error code, message, details."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.data = {"status": status, **data}


class Key(NamedTuple):
    """A REST API key."""

    secret: str = "cs_test"
    permissions: Literal["read", "write", "read_write"] = "read_write"


class Row(NamedTuple):
    """An order as stored: its sort keys (epoch seconds, UTC) beside its JSON."""

    id: int
    status: str
    created: int
    modified: int
    body: bytes


class Clock(clock.Clock):
    """The shop's clock, to the second."""

    def now(self) -> datetime:
        """Aware UTC, whole seconds."""
        return super().now().replace(microsecond=0)


class Shop:
    """See the package's docstring."""

    def __init__(
        self,
        *,
        zone: str = "America/New_York",
        secure: bool = False,
        storage: Storage = "hpos",
        statuses: Sequence[str] = ("awaiting-pickup",),
        first_id: int = 1,
    ) -> None:
        self.zone = ZoneInfo(zone)
        self.secure = secure
        self.storage: Storage = storage
        self.registered = (*REGISTERED, *statuses)
        self.hidden: set[str] = set()  # registered with exclude_from_search: in no list of "any"
        self.broken: set[int] = set()  # orders at which PHP ends with a fault
        self.share = 0.0  # of the requests that fail
        self.dice = random.Random(1)
        self.keys: dict[str, Key] = {"ck_test": Key()}
        self.home: str | None = None  # None: the address by which the request came
        self.plain_permalinks = False
        self.version = "10.5.0"
        self.clock = Clock()
        self.latency = 0.0
        self.heaviest = 100
        self.faults = Faults(KINDS)
        self.requests: deque[tuple[str, str, dict[str, str]]] = deque(maxlen=10_000)
        self.before_request: Callable[[], None] | None = None
        self.hooks = Hooks()
        self.nonces: set[tuple[str, str]] = set()
        self.lock = RLock()
        self._rows: dict[int, Row] = {}
        self._places: dict[int, list[tuple[tuple[str, str], tuple[int, int]]]] = {}
        self._sorted: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._pending: list[tuple[float, int, dict[str, Any]]] = []
        self._uncommitted = count()
        self._ids = count(first_id)
        self._changing: dict[int, dict[str, Any]] = {}  # the latest state of orders with uncommitted writes

    # Orders

    def seed(
        self,
        orders: int,
        *,
        until: str | None = None,
        step: float = 60.0,
        names: Sequence[str] = SAMPLE_NAMES,
        random_seed: int = 1,
    ) -> list[int]:
        """Orders made of sample documents, ``step`` seconds apart, the last placed at ``until`` (else now).

        Each gets an id, a buyer and times of its own; a third was edited up to two days after it was placed.
        """
        dice = random.Random(random_seed)
        now = self.clock.now()
        last = datetime.fromisoformat(until) if until else now
        ids = []
        for n in range(orders):
            placed_at = last - timedelta(seconds=step * (orders - 1 - n))
            longest = min(max((now - placed_at).total_seconds(), 0.0), 2 * 86400)
            edited_at = placed_at + timedelta(seconds=dice.choice((0, 0, dice.random())) * longest)
            ids.append(
                self.add(
                    name=dice.choice(names),
                    placed_at=placed_at.isoformat(),
                    modified_at=edited_at.isoformat(),
                )
            )
        return ids

    def add(
        self,
        *,
        name: str = "processing_card_paid",
        placed_at: str | None = None,
        modified_at: str | None = None,
        commit_after: float | None = None,
        **changes: Any,
    ) -> int:
        """A new order after a sample document, with ``changes`` of its top-level fields. Answers its id."""
        with self.lock:
            now = self.clock.now()
            number = next(self._ids)
            body = template(name)
            placed = datetime.fromisoformat(placed_at) if placed_at else now
            shift = placed - datetime.fromisoformat(body["date_created_gmt"] + "+00:00")
            for field in ("paid", "completed"):
                if body[f"date_{field}_gmt"]:
                    old = datetime.fromisoformat(body[f"date_{field}_gmt"] + "+00:00")
                    self._stamp(body, field, old + shift)
            self._stamp(body, "created", placed)
            self._stamp(body, "modified", datetime.fromisoformat(modified_at) if modified_at else placed)
            body |= {"id": number, "number": str(number), "order_key": f"wc_order_{number:013x}"}
            if body["billing"]["email"]:
                body["billing"] |= {"email": f"buyer{number}@example.com"}
            self._write({**body, **changes}, commit_after)
            if changes.get("status", body["status"]) != "checkout-draft":
                self.hooks.happened("order.created", number)
            self.hooks.happened("order.updated", number)
            return number

    def edit(self, id: int, *, commit_after: float | None = None, **changes: Any) -> None:
        """Sets top-level fields and saves. Going to processing or completed pays, as WooCommerce does."""
        with self.lock:
            body = self._latest(id)
            now = self.clock.now()
            new_status = changes.get("status", body["status"])
            moves = self.storage == "hpos" or new_status != body["status"]
            if body["status"] == "checkout-draft" != new_status:
                self.hooks.happened("order.created", id)
            body |= changes
            if new_status == "completed" and not body["date_completed_gmt"]:
                self._stamp(body, "completed", now)
            unpaid_yet = new_status == "processing" and body["payment_method"] == "cod"
            if new_status in ("processing", "completed") and not (body["date_paid_gmt"] or unpaid_yet):
                self._stamp(body, "paid", now)
            if moves:
                self._stamp(body, "modified", now)
            self._write(body, commit_after)
            self.hooks.happened("order.updated", id)

    def refund(self, id: int, amount: str | None = None) -> None:
        """Gives ``amount`` back, or all that is left; with nothing left the status becomes refunded."""
        with self.lock:
            body = self._latest(id)
            given = sum((-Decimal(refund["total"]) for refund in body["refunds"]), Decimal(0))
            left = Decimal(body["total"]) - given
            back = Decimal(amount) if amount is not None else left
            body["refunds"] = [*body["refunds"], {"id": next(self._ids), "reason": "", "total": str(-back)}]
            if back >= left:
                body["status"] = "refunded"
            self._stamp(body, "modified", self.clock.now())
            self._write(body, None)
            self.hooks.happened("order.updated", id)

    def trash(self, id: int) -> None:
        """Moves an order to the trash, where only ``status=trash`` lists it."""
        with self.lock:
            body = self._latest(id)
            if body["status"] == "trash":
                raise Refused(
                    410, "woocommerce_rest_already_trashed", "The shop_order has already been deleted."
                )
            body["meta_data"] = [
                *body["meta_data"],
                {"id": 900_000 + id, "key": "_wp_trash_meta_status", "value": f"wc-{body['status']}"},
            ]
            body["status"] = "trash"
            self._stamp(body, "modified", self.clock.now())
            self._write(body, None)
            self.hooks.happened("order.deleted", id)

    def untrash(self, id: int) -> None:
        """Brings an order back in the status that it had; the trash's meta key stays, as on real shops."""
        with self.lock:
            metas = {meta["key"]: meta["value"] for meta in self._latest(id)["meta_data"]}
            self.edit(id, status=str(metas["_wp_trash_meta_status"]).removeprefix("wc-"))
            self.hooks.happened("order.restored", id)

    def delete(self, id: int) -> None:
        """Deletes for good: no list, no webhook, 404."""
        with self.lock:
            self._latest(id)
            self._changing.pop(id, None)
            self._pending = [entry for entry in self._pending if entry[2]["id"] != id]
            heapq.heapify(self._pending)
            self._unlist(id)
            self._rows.pop(id, None)

    def order(self, id: int) -> dict[str, Any]:
        """The order's document, as it is visible now."""
        body: dict[str, Any] = json.loads(self.row(id).body)
        return body

    def row(self, id: int) -> Row:
        """The stored row. Raises Refused when there is no such order."""
        with self.lock:
            self._commit_due()
            if id not in self._rows:
                raise Refused(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
            return self._rows[id]

    def ids(self, status: str = "any") -> list[int]:
        """The ids that a list of this status shows, ascending."""
        with self.lock:
            return sorted(row.id for row in self.listed([status], "id"))

    def all_ids(self) -> list[int]:
        """Every order that there is, in the trash too."""
        return [*self.ids(), *self.ids("trash")]

    def commit(self) -> None:
        """Makes every pending write visible."""
        with self.lock:
            while self._pending:
                self._publish(heapq.heappop(self._pending)[2])

    def listed(
        self,
        statuses: Sequence[str],
        orderby: str,
        *,
        created: tuple[int | None, int | None] = (None, None),
        modified: tuple[int | None, int | None] = (None, None),
        wanted: Callable[[Row], bool] | None = None,
    ) -> Sequence[Row]:
        """The rows of a list, ascending by ``orderby`` (date, modified, id) then id. Bounds are exclusive."""
        self._commit_due()
        group = "trash" if list(statuses) == ["trash"] else "any"
        entries = self._sorted.get((group, orderby), [])
        bounds = {"date": created, "modified": modified}.get(orderby, (None, None))
        if self.storage == "hpos":  # sorted by the very column that is bounded
            low = 0 if bounds[0] is None else bisect_left(entries, (bounds[0] + 1, 0))
            high = len(entries) if bounds[1] is None else bisect_left(entries, (bounds[1], 0))
            entries = entries[low:high]
        plain = "any" in statuses or group == "trash"
        tests: list[Callable[[Row], bool]] = [] if plain else [lambda row: row.status in statuses]
        hidden = self.hidden | ({"checkout-draft"} if self.newer_than(11, 0) else set())
        if "any" in statuses and hidden:
            tests.append(lambda row: row.status not in hidden)
        if created != (None, None) and (orderby != "date" or self.storage == "legacy"):
            tests.append(lambda row: _between(row.created, created))
        if modified != (None, None) and (orderby != "modified" or self.storage == "legacy"):
            tests.append(lambda row: _between(row.modified, modified))
        if wanted is not None:
            tests.append(wanted)
        if not tests and (orderby == "id" or self.newer_than(10, 4)):
            return _Rows(self._rows, entries)
        rows = (self._rows[id] for _, id in entries)
        found = [row for row in rows if all(test(row) for test in tests)]
        if orderby != "id" and not self.newer_than(10, 4):  # no second key: rows of one second come anyhow
            keys = dict(zip((id for _, id in entries), (key for key, _ in entries), strict=True))
            self.dice.shuffle(found)
            found.sort(key=lambda row: keys[row.id])
        return found

    # Webhooks

    @property
    def webhooks(self) -> dict[int, dict[str, Any]]:
        """The webhooks as the API shows them, by id."""
        return self.hooks.rows

    def delivery(
        self, id: int, topic: str = "order.updated", secret: str = "whsec_of_the_tests"
    ) -> tuple[dict[str, str], bytes]:
        """Headers (names in lower case) and body of a webhook about an order, as delivered now."""
        body = self._delivered(topic, id)
        home = self.home or "http://127.0.0.1"
        return headers_of(body, topic, secret, 1, self.clock.now(), home), body

    def deliver(self) -> list[int | None]:
        """Run the queue of deliveries, one after the other, as WP-Cron does; the answers' statuses."""
        answers: list[int | None] = []
        while True:
            with self.lock:
                waiting = self.hooks.take()
            if waiting is None:
                return answers
            answers.append(self.hooks.send(*waiting, self._delivered, self.clock.now()))

    def _delivered(self, topic: str, id: int) -> bytes:
        if topic == "order.deleted":
            return json.dumps({"id": id}).encode()
        with self.lock:
            self._commit_due()
            return self._rows[id].body if id in self._rows else gone()

    # Faults and switches

    def fail(self, kind: str, *, times: int | None = 1, path: str = "") -> None:
        """The next requests fail; see ``faults.KINDS``."""
        self.faults.add(kind, times, path)

    def fail_share(self, share: float) -> None:
        """That part of the requests meets a PHP fatal error, at random."""
        self.share = share

    def break_order(self, id: int, *, broken: bool = True) -> None:
        """Whatever would show this order ends with a PHP fatal error: a filter of a plugin throws."""
        with self.lock:
            (self.broken.add if broken else self.broken.discard)(id)

    def move_zone(self, zone: str) -> None:
        """Another time zone of the site: what is stored keeps the local times that it was given."""
        with self.lock:
            self.zone = ZoneInfo(zone)

    def hide_status(self, slug: str) -> None:
        """A status that a plugin registered with exclude_from_search."""
        with self.lock:
            self.registered = tuple(dict.fromkeys([*self.registered, slug]))
            self.hidden.add(slug)

    def newer_than(self, *version: int) -> bool:
        """Whether WooCommerce is at least of this version."""
        return tuple(int(part) for part in self.version.split(".")[:2]) >= version

    def calm(self) -> None:
        """No more faults, no latency."""
        self.faults.clear()
        self.share = 0.0
        with self.lock:
            self.latency = 0.0
            self.heaviest = 100

    def set_clock(self, time: str) -> None:
        """Stops the shop's clock at an ISO 8601 time with offset."""
        self.clock.set(datetime.fromisoformat(time))

    def advance_clock(self, seconds: float) -> None:
        """Moves the shop's clock."""
        self.clock.advance(seconds)

    def set_latency(self, seconds: float) -> None:
        """Every request takes this much longer."""
        self.latency = seconds

    def set_heaviest(self, per_page: int) -> None:
        """Larger pages run into the gateway's time-out."""
        self.heaviest = per_page

    # Inside

    def _latest(self, id: int) -> dict[str, Any]:
        return dict(self._changing[id]) if id in self._changing else self.order(id)

    def _write(self, body: dict[str, Any], commit_after: float | None) -> None:
        if commit_after is None and body["id"] not in self._changing:
            self._publish(body)
            return
        self._changing[body["id"]] = body
        due = self.clock.now().timestamp() + (commit_after or 0)
        heapq.heappush(self._pending, (due + next(self._uncommitted) * 1e-6, body["id"], body))

    def _commit_due(self) -> None:
        now = self.clock.now().timestamp()
        while self._pending and self._pending[0][0] < now:
            self._publish(heapq.heappop(self._pending)[2])

    def _publish(self, body: dict[str, Any]) -> None:
        id = body["id"]
        self._unlist(id)
        text = json.dumps(body, separators=(",", ":")).replace("/", "\\/")  # as PHP prints it
        row = Row(
            id,
            body["status"],
            _epoch(body["date_created_gmt"]),
            _epoch(body["date_modified_gmt"]),
            text.encode(),
        )
        self._rows[id] = row
        self._places[id] = list(self._places_of(row))
        for place, entry in self._places[id]:
            insort(self._sorted.setdefault(place, []), entry)
        if not any(waiting == id for _, waiting, _ in self._pending):
            self._changing.pop(id, None)

    def _unlist(self, id: int) -> None:
        if id in self._rows:
            for place, entry in self._places.pop(id):
                entries = self._sorted[place]
                del entries[bisect_left(entries, entry)]

    def _places_of(self, row: Row) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
        """Where a row is listed. Auto-drafts and statuses of a plugin that is gone are in no list."""
        group = "trash" if row.status == "trash" else "any" if row.status in self.registered else None
        if group is not None:
            yield (group, "date"), (self._sort_key(row.created), row.id)
            yield (group, "modified"), (self._sort_key(row.modified), row.id)
            yield (group, "id"), (row.id, row.id)

    def _sort_key(self, epoch: int) -> int:
        """Legacy storage sorts by the digits of local time."""
        if self.storage == "hpos":
            return epoch
        local = datetime.fromtimestamp(epoch, self.zone)
        return int(local.replace(tzinfo=UTC).timestamp())

    def _stamp(self, body: dict[str, Any], field: str, time: datetime) -> None:
        second = time.astimezone(UTC).replace(microsecond=0)
        body[f"date_{field}_gmt"] = second.strftime("%Y-%m-%dT%H:%M:%S")
        body[f"date_{field}"] = second.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M:%S")


class _Rows(Sequence[Row]):
    """A slice of a sorted list, looked up as needed: a page of a large shop costs no more than its rows."""

    def __init__(self, rows: Mapping[int, Row], entries: list[tuple[int, int]]) -> None:
        self._rows = rows
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._rows[id] for _, id in self._entries[index]]
        return self._rows[self._entries[index][1]]


def _between(value: int, bounds: tuple[int | None, int | None]) -> bool:
    after, before = bounds
    return (after is None or value > after) and (before is None or value < before)


def _epoch(naive_utc: str) -> int:
    return int(datetime.fromisoformat(naive_utc + "+00:00").timestamp())
