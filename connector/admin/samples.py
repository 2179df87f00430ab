"""An order's document for a test: anonymous, and mapped as the original is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from connector.admin.anonymous import anonymous
from connector.ingest.transform import Bench, Known, judge
from connector.mapping.settings import MappingSettings
from connector.model.errors import BadOrder
from connector.model.facts import Version
from connector.model.order import Document, Order
from connector.runtime import exact_json
from connector.sdk.expressions import Expression

_ALIKE = ("currency", "total", "subtotal", "total_items", "financial_status", "fulfillment_status")


class Sample(msgspec.Struct, frozen=True):
    """``body`` is the anonymous document. ``otherwise`` are sentences on what the mapping makes otherwise of
    it than of the original.
    """

    body: dict[str, Any]
    otherwise: tuple[str, ...]


def sample(bench: Bench, document: Document, now: datetime) -> Sample:
    """The document made anonymous for the store's platform and mapping."""
    settings = bench.mapper.settings
    body = anonymous(
        document.body,
        order=_order(bench, document),
        words=words(settings),
        region=settings.default_phone_region or "",
    )
    before = _version(bench, document, now)
    after = _version(bench, msgspec.structs.replace(document, body=body), now)
    return Sample(body, tuple(_otherwise(before, after)))


def words(settings: MappingSettings) -> frozenset[str]:
    """The texts that a mapping names: status words, and literals of its expressions."""
    expressions = [settings.order_id.from_, *settings.fields.values(), *settings.skip.values()]
    literals = {
        word for text in expressions if isinstance(text, str) and text for word in Expression(text).texts()
    }
    tables = (settings.financial_status, settings.fulfillment_status, settings.placed)
    return frozenset(literals.union(*tables))


def _order(bench: Bench, document: Document) -> Order | None:
    try:
        return bench.adapter.parse(document)
    except (BadOrder, ArithmeticError, ValueError):
        return None


def _version(bench: Bench, document: Document, now: datetime) -> Version:
    return judge(bench, document, Known(), feed="sample", fetched_at=now, now=now)


def _otherwise(before: Version, after: Version) -> list[str]:
    if (before.state, before.rule) != (after.state, after.rule):
        ends = [f"{one.state} {one.rule}".strip() for one in (before, after)]
        return [f"the original is {ends[0]}, its anonymous copy {ends[1]}; correct the copy by hand"]
    if before.body is None or after.body is None:
        return []
    one, other = exact_json.decode(before.body), exact_json.decode(after.body)
    fields = sorted(one.keys() ^ other.keys()) + [name for name in _ALIKE if one.get(name) != other.get(name)]
    said = [f"the anonymous copy differs from the original in {', '.join(fields)}"] if fields else []
    if before.notes != after.notes:
        noted = [one.notes or "nothing" for one in (before, after)]
        said.append(f"noted of the original: {noted[0]}; of its copy: {noted[1]}")
    return said
