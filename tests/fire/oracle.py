"""The judge: it reads what arrived at Privy, what the shop has, and what the program says of itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from connector.runtime import exact_json
from connector.sandbox.journal import Arrival
from connector.sandbox.ledger import Flow
from tests.program import Truth


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial leaves behind.

    ``arrivals`` and ``flows`` are Privy's, ``moments`` (unix seconds) when requests reached it, refused and
    spoilt ones too. ``old`` and ``live`` are the shop's orders from before and after the store went live;
    ``refused`` can never be accepted. ``limit`` requests may arrive in any ``window`` seconds (0: no limit).
    ``sums`` and ``stores`` are what ``reconcile --json`` and ``status --json`` say at the end.
    """

    truth: Truth
    arrivals: Sequence[Arrival]
    flows: Sequence[Flow]
    moments: Sequence[float]
    old: Collection[int]
    live: Collection[int]
    refused: Collection[int] = ()
    limit: int = 0
    window: float = 60.0
    sums: Sequence[dict[str, Any]] = ()
    stores: Sequence[dict[str, Any]] = ()


def violations(evidence: Evidence) -> list[str]:
    """Every broken promise as a sentence that begins with its name; empty when all are kept."""
    return [
        *_newest(evidence),
        *_never_back(evidence),
        *_no_mail_about_old_orders(evidence),
        *_live_once(evidence),
        *_within_limits(evidence),
        *_sum(evidence),
    ]


def _newest(evidence: Evidence) -> Iterable[str]:
    for number in evidence.truth.differing():
        if number not in evidence.refused:
            yield f"newest: Privy does not hold the newest state of order {number}"


def _never_back(evidence: Evidence) -> Iterable[str]:
    """Each edit raises an order's total, so that totals tell its versions."""
    told: dict[int, Decimal] = {}
    for arrival in evidence.arrivals:
        if arrival.stored and arrival.order_id is not None:
            total = Decimal(str(exact_json.decode(arrival.body.encode())["total"]))
            if total < told.get(arrival.order_id, total):
                yield f"back: order {arrival.order_id} was told {total} after {told[arrival.order_id]}"
            told[arrival.order_id] = total


def _no_mail_about_old_orders(evidence: Evidence) -> Iterable[str]:
    for arrival in evidence.arrivals:
        if arrival.order_id in evidence.old and not arrival.initial_sync and arrival.status != 422:
            yield f"flag: order {arrival.order_id} is old and was sent without initial_sync"
        if arrival.order_id in evidence.live and arrival.initial_sync:
            yield f"flag: order {arrival.order_id} is live and was sent with initial_sync"


def _live_once(evidence: Evidence) -> Iterable[str]:
    placed = [flow.order_id for flow in evidence.flows if flow.kind == "Order Placed"]
    for number in set(placed) - set(evidence.live):
        yield f"mail: about the old order {number}"
    for number in set(evidence.live) - set(evidence.refused):
        if placed.count(number) != 1:
            yield f"mail: {placed.count(number)} times about the live order {number}"


def _within_limits(evidence: Evidence) -> Iterable[str]:
    """A window that slides holds every window that is fixed, wherever it begins."""
    if not evidence.limit:
        return
    moments = sorted(evidence.moments)
    for first, last in zip(moments, moments[evidence.limit :], strict=False):
        if last - first < evidence.window:
            yield f"limit: more than {evidence.limit} requests within {last - first:.3f} s"
            return


def _sum(evidence: Evidence) -> Iterable[str]:
    listed = len(evidence.old) + len(evidence.live)
    for one in evidence.sums:
        if not one["adds_up"] or one["listed"] != listed:
            yield f"sum: {listed} orders at the shop, and reconcile says {one}"
    for store in evidence.stores:
        states = {
            "waiting": store["waiting_live"] + store["waiting_history"],
            "delivered": store["delivered"],
            "skipped": sum(store["skipped"].values()),
            "failed": store["failed"],
        }
        if sum(states.values()) != listed or states["failed"] != len(evidence.refused):
            yield f"sum: {listed} orders at the shop, and status says {states}"


def leaks(words: Iterable[str], texts: Iterable[str], files: Iterable[Path] = ()) -> list[str]:
    """Which planted words stand in these texts or in the bytes of these files."""
    found = []
    contents = [("what was printed", text.encode()) for text in texts]
    contents += [(file.name, file.read_bytes()) for file in files if file.exists()]
    for word in words:
        found += [f"leak: {word!r} in {place}" for place, content in contents if word.encode() in content]
    return found
