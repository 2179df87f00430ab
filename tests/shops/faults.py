"""Faults that a stand-in was told to show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock


@dataclass
class Fault:
    """Still to happen ``times`` times (None: always) to requests whose path matches ``path``."""

    kind: str
    times: int | None
    path: str


class Faults:
    """``kinds`` are those that there are, with what each looks like."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = kinds
        self._coming: list[Fault] = []
        self._lock = Lock()

    def add(self, kind: str, times: int | None, path: str) -> None:
        """After those that wait already."""
        if kind not in self._kinds:
            raise ValueError(f"{kind} is no fault; there are {', '.join(self._kinds)}")
        with self._lock:
            self._coming.append(Fault(kind, times, path))

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self._coming.clear()

    def next(self, path: str) -> str | None:
        """The kind of fault that a request for this path meets, which has happened then."""
        with self._lock:
            for fault in self._coming:
                if re.search(fault.path, path):
                    if fault.times is not None:
                        fault.times -= 1
                        if not fault.times:
                            self._coming.remove(fault)
                    return fault.kind
        return None
