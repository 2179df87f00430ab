"""Times as shops, senders and operators write them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sdk import timestamps
from connector.sdk.fields import moment

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-06-01T12:00:00Z", NOON),
        ("2026-06-01t12:00:00z", NOON),
        (" 2026-06-01 12:00:00 UTC ", NOON),
        ("2026-06-01 12:00:00 gmt", NOON),
        ("2026-06-01T12:00:00.000UTC", NOON),
        ("2026-06-01T14:00:00+02:00", NOON),
        ("2026-06-01 14:00:00 +0200", NOON),
        ("2026-06-01T14:00:00+02", NOON),
        ("2026-06-01T14:00:00UTC+02:00", NOON),
        ("2026-06-01T08:00:00\u221204:00", NOON),
        ("2026-06-01T14:00:00+02:00[Europe/Berlin]", NOON),
        ("2026-06-01T14:00+02:00[!Europe/Berlin][u-ca=iso8601]", NOON),
        ("2026-06-01T14:00:00[Europe/Berlin]", NOON),
        ("2026-06-01T12:00:00Z[Europe/Berlin]", NOON),
        ("20260601T120000Z", NOON),
        ("2026-06-01T11:59:60Z", NOON),
        ("2026-06-01T13:59:60.0+02:00", NOON),
        ("2026-06-30T23:59:60Z", datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-06-01T24:00:00Z", datetime(2026, 6, 2, tzinfo=UTC)),
        ("2026-12-31T24:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-06-01T12:00:00,5Z", NOON.replace(microsecond=500_000)),
        ("2026-06-01T12:00:00.123456789Z", NOON.replace(microsecond=123_456)),
    ],
)
def test_every_spelling_of_a_time_with_its_zone_is_read(text: str, time: datetime) -> None:
    assert timestamps.iso(text) == time
    assert timestamps.read(text) == time
    assert moment(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "Z",
        "2026-06-31T12:00:00Z",
        "2026-06-01T12:00:61Z",
        "2026-06-01T24:00:01Z",
        "2026-06-01T25:00:00Z",
        "2026-06-01T12:00:00Z Z",
        "2026-06-01T12:00:00 CEST",
        "2026-06-01T12:00:00+02:00[Europe/Berlin",
        "9999-12-31T24:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "2026-06-01T12:00:00Z" + "[a]" * 10_000,
        "01.06.2026 12:00",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        timestamps.read(text)
    assert moment(text) is None


@pytest.mark.parametrize(
    "text", ["2026-06-01T12:00:00", "2026-06-01", "20260601", "2026-06-01T12:00[No/Where]"]
)
def test_a_time_without_its_zone_needs_one_from_whoever_knows(text: str) -> None:
    with pytest.raises(timestamps.NoZone):
        timestamps.iso(text)
    hour = 12 if "T" in text else 0
    assert timestamps.iso(text, ZoneInfo("Asia/Tokyo")) == datetime(
        2026, 6, 1, hour, tzinfo=ZoneInfo("Asia/Tokyo")
    )


def test_a_day_is_no_time_of_a_shop() -> None:
    assert moment("2026-06-01", UTC) is None
    assert moment("2026-06-01 12:00:00", UTC) == NOON
    assert moment(1_780_000_000) is None


@pytest.mark.parametrize(
    "value", [1_780_315_200, 1_780_315_200_000, Decimal("1780315200.0"), "1780315200", " 1780315200000 "]
)
def test_unix_seconds_and_milliseconds_are_read(value: Any) -> None:
    assert timestamps.read(value) == NOON


@pytest.mark.parametrize(
    ("digits", "time"),
    [
        ("20260601120000", NOON),
        ("202606011200", NOON),
        ("20260601120000000", NOON),
        ("20260601120000Z", NOON),
        ("20260601140000+0200", NOON),
        ("20260601120000.5", NOON.replace(microsecond=500_000)),
        ("20260601", NOON.replace(hour=0)),
    ],
)
def test_digits_with_the_whole_year_are_a_calendar_date(digits: str, time: datetime) -> None:
    assert timestamps.read(digits, UTC) == time
    assert timestamps.iso(digits, UTC) == time
    if digits.isdigit():
        with pytest.raises(timestamps.NoZone):
            timestamps.read(digits)


@pytest.mark.parametrize(
    "digits",
    [
        "2606011000",  # 2026-06-01 10:00, or unix time of 2052
        "2026060110",  # the tenth hour of that day, or 2034
        "1712241830",  # 2017-12-24 18:30, or April 2024
        "0106261000",
        "3112251000",
        "1225171830",
        "260601100000",
    ],
)
def test_digits_that_fit_a_calendar_date_are_never_read_as_unix_time(digits: str) -> None:
    with pytest.raises(timestamps.Ambiguous):
        timestamps.read(digits, UTC)
    with pytest.raises(ValueError, match="not a time"):
        timestamps.iso(digits, UTC)


@pytest.mark.parametrize("digits", ["20261301120000", "20260601250000", "2026060112000", "260601", "1" * 17])
def test_digits_that_fit_neither_are_no_time(digits: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        timestamps.iso(digits, UTC)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        [],
        {},
        Decimal("NaN"),
        Decimal("1e900000000"),
        Decimal("-1e900000000"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        10**4000,
    ],
)
def test_what_is_neither_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not a time"):
        timestamps.read(value)


@given(
    st.text() | st.datetimes(timezones=st.timezones() | st.none()).map(str) | st.integers() | st.decimals()
)
def test_anything_is_a_time_in_utc_or_refused(value: Any) -> None:
    try:
        time = timestamps.read(value, UTC)
    except ValueError:
        return
    assert time.tzinfo is UTC
