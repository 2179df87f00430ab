"""A diary of a real shop: what its people did, and what a poll showed after each step.

``samples/poll_diary.json`` of Medusa and Vendure, captured on real shops. Its times are moved, all alike, so
that it happened an hour before now.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

CASSETTES = Path(__file__).parents[2] / "cassettes"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

Body = dict[str, Any]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody did ``action`` (``capture A``), after which the order stood as in ``body``.

    ``silent``: none of the order's own times moved, so that no list sorted or filtered by them shows it.
    """

    action: str
    ref: str
    body: Body
    silent: bool


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asked the shop; ``shown`` are the ids of the rows in its answer."""

    title: str
    request: Any
    shown: list[str]


def diary(platform: str) -> Iterator[Step | Poll]:
    """The entries in their order."""
    text = (CASSETTES / platform / "samples" / "poll_diary.json").read_text()
    by = datetime.now(UTC) - timedelta(hours=1) - _moment(min(_TIME.findall(text)))
    moved = _TIME.sub(lambda found: _text(_moment(found[0]) + by), text)
    entries = json.loads(moved)["entries"]
    known: dict[str, Body] = {}
    for entry, following in zip(entries, [*entries[1:], {}], strict=True):
        if "poll" in entry:
            shown = [row["id"] for row in _rows(entry)]
            yield Poll(title=entry["poll"], request=entry["request"], shown=shown)
        elif "action" in entry:
            said = entry["result"]
            ref = said["id"]
            before = known.get(ref)
            told = {row["id"]: row for row in _rows(following)}.get(ref)  # if it was asked for at once
            body = told or _merged(before or _first(entries, ref), said)
            known[ref] = body
            yield Step(
                action=entry["action"],
                ref=ref,
                body=body,
                silent=before is not None and _times(before) == _times(body),
            )


def _rows(entry: Mapping[str, Any]) -> list[Body]:
    """The rows of a poll's answer, of whatever kind."""
    answer = entry.get("response", {})
    rows = [rows for rows in answer.values() if isinstance(rows, list)]
    return rows[0] if rows else answer["data"]["orders"]["items"] if answer else []


def _first(entries: list[Mapping[str, Any]], ref: str) -> Body:
    return next(row for entry in entries for row in _rows(entry) if row["id"] == ref)


def _times(body: Body) -> list[Any]:
    return [body.get(name) for name in ("updated_at", "updatedAt", "orderPlacedAt")]


def _merged(old: Any, new: Any) -> Any:
    """What is new over what was known; rows with ids are merged by them."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {name: _merged(old.get(name), value) for name, value in new.items()}
    if isinstance(old, list) and isinstance(new, list):
        known = {row["id"]: row for row in old if isinstance(row, dict)}
        return [_merged(known.get(row["id"]), row) if isinstance(row, dict) else row for row in new]
    return new


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
