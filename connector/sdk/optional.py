"""The optional parts of a document, as shops and senders really write them. Pure.

PHP prints an empty object as ``[]`` and a list with a gap as an object, Odoo says ``false`` for whatever is
not there, databases write ``\\N``. What is empty in any of these ways is absence. What is there and cannot be
read is left out, and noted by its place: it costs itself, never the order. What an order cannot be without
(id, total, times) is read by ``fields`` and ``amounts``, which refuse, and by ``required``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from connector.model.errors import BadOrder
from connector.sdk.amounts import amount
from connector.sdk.fields import Part
from connector.sdk.identifiers import identifier

MOST_ROWS = 5000  # of one list
_LONGEST_NUMBER = 40  # digits
_MOST_PLACES = 20  # are noted
_NULL = r"\N"  # MySQL's and PostgreSQL's word for NULL in files

_GIVEN = frozenset(("true", "yes", "1", "on", "y", "t"))
_WITHHELD = frozenset(("false", "no", "0", "off", "n", "f"))
_UNKNOWN = frozenset(("", "null", "none", r"\n", "nil", "nan", "undefined", "unknown", "n/a", "-"))

T = TypeVar("T")


class Optional:
    """Reads one document, and remembers in ``left_out`` which places held what nobody can read."""

    def __init__(self) -> None:
        self._places: dict[str, None] = {}

    @property
    def left_out(self) -> tuple[str, ...]:
        """The places, without the numbers of rows, each once."""
        return tuple(self._places)

    def leave_out(self, place: str) -> None:
        """Note that what stands there is left out."""
        if len(self._places) < _MOST_PLACES:
            self._places.setdefault(re.sub(r"\[\d+\]", "[]", place))

    def text(self, value: Any, place: str) -> str:
        """Text without spaces around it, or a number as text (``123.0`` is 123)."""
        if isinstance(value, str):
            return "" if value == _NULL else value.strip()
        if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _LONGEST_NUMBER:
            return str(int(value)) if value == value.to_integral_value() else f"{value:f}"
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_LONGEST_NUMBER:
            return str(value)
        return "" if _is_nothing(value) else self._nothing(place, "")

    def id(self, value: Any, place: str) -> str:
        """An id of something in the order; one that a spreadsheet ruined is none."""
        return "" if _is_nothing(value) else self._tried(lambda: identifier(value, place), place, "")

    def amount(self, value: Any, place: str) -> Decimal | None:
        """An amount; None where there is none."""
        if _is_nothing(value) or (isinstance(value, str) and value.strip().lower() in _UNKNOWN):
            return None
        return self._tried(lambda: amount(value, place), place, None)

    def needed(self, value: Any, place: str) -> Decimal | None:
        """An amount without which the row says nothing, so that its absence is noted as well."""
        found = self.amount(value, place)
        if found is None:
            self.leave_out(place)
        return found

    def part(self, value: Any, place: str) -> Part:
        """An object; empty where there is none."""
        if isinstance(value, dict):
            return value
        return {} if _is_nothing(value) else self._nothing(place, {})

    def rows(self, value: Any, place: str) -> Sequence[Part]:
        """The objects of a list, or of PHP's object with numbers for keys; what is none is left out."""
        if isinstance(value, dict) and all(key.isdecimal() for key in value):
            value = list(value.values())
        if not isinstance(value, list) or len(value) > MOST_ROWS:
            return () if _is_nothing(value) else self._nothing(place, ())
        return list(self._objects(value, place))

    def consent(self, value: Any, place: str) -> bool | None:
        """What the buyer said; None where it is not known."""
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, Decimal) and value in (0, 1):
            value = int(value)
        if isinstance(value, str | int):
            word = str(value).strip().lower() if isinstance(value, str) or value in (0, 1) else ""
            if word in _GIVEN or word in _WITHHELD:
                return word in _GIVEN
            if isinstance(value, str) and word in _UNKNOWN:
                return None
        return None if value in ([], {}) else self._nothing(place, None)

    def _objects(self, rows: list[Any], place: str) -> Iterator[Part]:
        for row in rows:
            if isinstance(row, dict):
                yield row
            elif not _is_nothing(row):
                self.leave_out(f"{place}[]")

    def attempt(self, read: Callable[[], T], absent: T) -> T:
        """What it reads, or ``absent`` where it raises BadOrder, noted by the field that it names."""
        try:
            return read()
        except BadOrder as error:
            return self._nothing(error.field, absent)

    def _tried(self, read: Callable[[], T], place: str, absent: T) -> T:
        try:
            return read()
        except BadOrder:
            return self._nothing(place, absent)

    def _nothing(self, place: str, absent: T) -> T:
        self.leave_out(place)
        return absent


def _is_nothing(value: Any) -> bool:
    return (
        value is None
        or value is False
        or value in ("", [], {}, _NULL)
        or (isinstance(value, str) and not value.strip())
    )


_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+)\]")
_MOST_MENDS = 50


def shaped(body: Part, kind: type[T], optional: Mapping[str, Any], read: Optional) -> T:
    """The body in its shape, a msgspec struct; what of ``optional`` has another one is left out, and noted.

    ``optional`` says for places (``customer``, ``lines[].sku``) what stands for their absence. Within such a
    place only the part that cannot be read is left out, and a number where text should be is its text. Raises
    BadOrder naming the field for whatever else is not in its shape; values are not quoted.
    """
    for _ in range(_MOST_MENDS):
        try:
            return msgspec.convert(body, kind)
        except msgspec.ValidationError as error:
            what, _, where = str(error).partition(" - at `$")
            path = where.removesuffix("`")
            place = re.sub(r"\[\d+\]", "[]", path.removeprefix("."))
            within = next((one for one in optional if _is_within(place, one)), None)
            if within is None:
                raise BadOrder(place or "order", what) from None
            steps = [match["key"] or int(match["index"]) for match in _STEP.finditer(path)]
            body = _mended(body, steps, optional[within] if place == within else _GONE, place, read)
    raise BadOrder("order", "has too many parts that cannot be read")


_GONE = object()


def _is_within(place: str, part: str) -> bool:
    return place == part or place.startswith((f"{part}.", f"{part}["))


def _mended(value: Any, steps: Sequence[str | int], absent: Any, place: str, read: Optional) -> Any:
    """A copy without what the steps lead to, or with what stands for its absence."""
    step, *further = steps
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    found = copy[step]
    if further:
        copy[step] = _mended(found, further, absent, place, read)
    elif isinstance(found, int | Decimal) and not isinstance(found, bool):
        copy[step] = read.text(found, place)
    else:
        if found not in (None, False, "", [], {}):
            read.leave_out(place)
        if absent is _GONE:
            del copy[step]
        else:
            copy[step] = absent
    return copy
