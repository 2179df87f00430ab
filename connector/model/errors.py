"""Errors named for what happens next.

Adapters and edges raise; the engine decides. The text of each error is a sentence for the
operator and never holds a secret or a buyer's data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MOST_SHOWN = 100  # mistakes of a configuration that are told at once


class ConnectorError(Exception):
    """Every fault that a user can meet. ``str(error)`` is what the user reads."""


@dataclass(frozen=True)
class Problem:
    """One mistake in the configuration.

    ``where`` is ``file:line``, ``key`` the dotted path inside the file, ``what`` the sentence
    that says what was found, what is allowed and what to do.
    """

    where: str
    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.key}: {self.what}" if self.key else f"{self.where}: {self.what}"


class ConfigError(ConnectorError):
    """The configuration cannot be used; all its problems at once."""

    def __init__(self, problems: list[Problem]) -> None:
        more = len(problems) - MOST_SHOWN
        said = [str(problem) for problem in problems[:MOST_SHOWN]]
        super().__init__("\n".join(said + [f"and {more:,} more like these"] * (more > 0)))
        self.problems = problems


class UsageError(ConnectorError):
    """The command was asked for something that does not exist or cannot be done this way."""


class StateError(ConnectorError):
    """The database cannot be used: newer than this program, locked by a daemon, damaged, full."""


class Displaced(StateError):
    """The database's file, its log or the daemon's lock was moved, replaced or deleted under the program."""


class AlreadyRunning(StateError):
    """Another process (its number, if known) owns the database; one that ``lets_go`` may be asked to."""

    def __init__(self, message: str, *, process: int | None = None, lets_go: bool = False) -> None:
        super().__init__(message)
        self.process = process
        self.lets_go = lets_go


class AuthError(ConnectorError):
    """The other side refuses the credentials. The store or account rests until a person acts."""


class Unavailable(ConnectorError):
    """The other side cannot answer now; trying again later can help.

    ``retry_after`` is a wait in seconds that the other side asked for, if it did.
    ``maybe_done`` is true when the request may have taken effect although no answer came.
    ``heavy`` is true when less at once may help: a time-out, an answer too large, memory that ran out.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        maybe_done: bool = False,
        heavy: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.maybe_done = maybe_done
        self.heavy = heavy


class BadOrder(ConnectorError):
    """One order cannot be turned into a payload. It is kept as failed; the rest goes on."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NoId(BadOrder):
    """A document that has no id at all, so that nothing of it can be kept."""


class Hidden(ConnectorError):
    """The shop does not show an order, which is gone unless it was placed ``before`` (aware UTC).

    Orders as old as that are not shown to us, so nothing follows from it.
    """

    def __init__(self, message: str, *, before: datetime) -> None:
        super().__init__(message)
        self.before = before


class Forged(ConnectorError):
    """A webhook that is not signed with a secret of ours. Nothing of it is kept."""
