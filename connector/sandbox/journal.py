"""What arrived, kept: one arrival a line in a file that survives ``kill -9``."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from connector.model.errors import StateError
from connector.runtime import exact_json


class Arrival(msgspec.Struct, kw_only=True):
    """One request for *Order placed* and what came of it. ``received_at`` is aware UTC.

    ``status`` is None when no answer was sent. ``stored`` says whether the order was stored, whatever was
    answered; ``fault`` names a scripted fault; ``ignored`` names top-level fields that Privy does not know;
    ``integration`` is the token of the store that the order was tied to; ``counted`` says whether
    the request was counted in the business's rate windows; ``body`` is the body as received.
    """

    number: int
    received_at: datetime
    body: str
    business: str = ""
    order_id: int | None = None
    initial_sync: bool | None = None
    status: int | None = None
    stored: bool = False
    fault: str = ""
    integration: str = ""
    ignored: list[str] = []
    counted: bool = False


class Journal:
    """An append-only file of JSON lines, for one sandbox at a time. Raises StateError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"{path} cannot be opened for the sandbox's data: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise StateError(f"{path} is in use by another sandbox; stop it or choose another file") from None
        self._size = 0

    def replay(self) -> Iterator[Arrival]:
        """Every arrival from the start; a last line that was cut off when the program died is removed.

        A damaged line elsewhere raises StateError and leaves the file as it is.
        """
        self._size = 0
        with open(os.dup(self._file), "rb") as lines:
            lines.seek(0)
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    arrival = msgspec.json.decode(line, type=Arrival)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    raise StateError(
                        f"{self.path}:{number}: not a sandbox's data; repair the file or move it away"
                    ) from None
                self._size += len(line)
                yield arrival
        os.ftruncate(self._file, self._size)

    def append(self, arrival: Arrival) -> None:
        """Write one arrival; a line that does not fit is taken back and StateError raised."""
        line = exact_json.encode(arrival) + b"\n"
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(0, "the disk is full")
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise StateError(f"{self.path} cannot be written: {error.strerror}") from None
        self._size += len(line)

    def clear(self) -> None:
        """Forget every arrival."""
        os.ftruncate(self._file, 0)
        self._size = 0

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)
