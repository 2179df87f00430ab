"""How WooCommerce reads the bounds of a list, wrong results included."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tests.shops.woocommerce.shop import Refused, Storage

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?P<fraction>\.\d+)?(?P<offset>Z|[+-]\d{2}(?::\d{2})?)?"
)


def bound(name: str, text: str, *, gmt: bool, zone: ZoneInfo, storage: Storage) -> int:
    """The epoch second with which the UTC column is compared."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise _invalid(name)
    try:
        digits = datetime.fromisoformat(f"{match[1]}T{match[2]}")
        offset = match["offset"]
        if offset is None:
            return _naive_utc(digits, zone) if gmt else _local(digits, zone)
        if not gmt and (match["fraction"] or len(offset) == 3):
            return _local(digits, zone)
        full = offset + ":00" if len(offset) == 3 else offset
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{full}")
    except ValueError:
        raise _invalid(name) from None
    shown = moment.astimezone(zone).replace(tzinfo=None)
    if gmt:
        return int(shown.replace(tzinfo=UTC).timestamp())  # local digits against UTC columns
    return int(moment.timestamp()) if storage == "hpos" else _local(shown, zone)


def _naive_utc(digits: datetime, zone: ZoneInfo) -> int:
    """Built as a local time first: digits in the hour that the clock skips are moved on by that hour."""
    there_and_back = digits.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    return int(there_and_back.replace(tzinfo=UTC).timestamp())


def _local(digits: datetime, zone: ZoneInfo) -> int:
    return int(digits.replace(tzinfo=zone).timestamp())


def _invalid(name: str) -> Refused:
    return Refused(400, "rest_invalid_param", f"Invalid parameter(s): {name}", params={name: "Invalid date."})
