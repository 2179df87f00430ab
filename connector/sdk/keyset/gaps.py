"""Orders that a list would not show, and that reading stepped over: where they stand, and when next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from connector.model.errors import Unavailable

MOST = 20  # in one feed; a shop that fails at more is broken as a whole
_FIRST, _LONGEST = timedelta(minutes=5), timedelta(days=1)
_LONGEST_REASON = 200


class Gap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order, or what is missing of a count, among those of a time from ``low`` to ``high`` (exclusive).

    ``ref`` is the order's id where the shop tells at least that; else ``after`` and ``before`` are its
    neighbours by id, as far as they are known. ``tried`` is the shop's clock (aware UTC) at the last try.
    """

    reason: str
    low: datetime | None = None
    high: datetime | None = None
    ref: str = ""
    after: str = ""
    before: str = ""
    missing: int = 0
    tried: datetime | None = None
    tries: int = 1

    def due(self, now: datetime | None) -> bool:
        """Whether it is time for another try; always with a shop that does not tell the time."""
        if now is None or self.tried is None:
            return True
        wait = min(_FIRST * 2.0 ** min(self.tries - 1, 20), _LONGEST)
        return now - self.tried >= wait

    def trying(self, now: datetime | None) -> Gap:
        """The same gap, while it is tried once more."""
        return msgspec.structs.replace(self, tried=now, tries=self.tries + 1)

    def same(self, other: Gap) -> bool:
        """Whether both are certainly the same order."""
        return bool(self.ref) and self.ref == other.ref

    def spans(self, other: Gap) -> bool:
        """Whether both are of one window, so that one reading tries both again."""
        return not self.ref and not other.ref and (self.low, self.high) == (other.low, other.high)

    @property
    def sentence(self) -> str:
        """For the operator: what is missing, where and why."""
        if self.missing:
            return f"{self.reason}, {_within(self)}"
        which = f"order {self.ref}" if self.ref else f"an order {self._neighbours()}"
        when = f", {_within(self)}," if self.low else ""
        return f"{which}{when} cannot be read ({self.reason}); the others go on"

    def _neighbours(self) -> str:
        if self.after and self.before:
            return f"whose id comes after {self.after} and before {self.before}"
        if self.after or self.before:
            return (
                f"whose id comes after {self.after}" if self.after else f"whose id comes before {self.before}"
            )
        return "of unknown id"


def reason_of(error: Unavailable) -> str:
    """The fault as part of a sentence."""
    said = str(error)
    return said if len(said) <= _LONGEST_REASON else said[:_LONGEST_REASON] + "…"


def must_be_few(gaps: Sequence[Gap]) -> None:
    """Raise Unavailable where so many orders fail that it is not they that are the cause."""
    if len(gaps) > MOST:
        raise Unavailable(
            f"more than {MOST} orders cannot be read, so the shop itself is at fault: {gaps[-1].reason}"
        )


def _within(gap: Gap) -> str:
    assert gap.low is not None
    if gap.high is None:
        return f"of {gap.low:%Y-%m-%d %H:%M:%S} UTC or later"
    return f"of {gap.low:%Y-%m-%d %H:%M:%S} to {gap.high:%Y-%m-%d %H:%M:%S} UTC"
