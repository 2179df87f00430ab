"""How many rows of a list are asked for at once: as many as the shop can stand."""

from __future__ import annotations

_CALM = 20  # good answers in a row after which a page may grow again


class PageSize:
    """Rows a page. ``largest`` is what the store configured.

    A page is halved only for what less at once can help (``Unavailable.heavy``), never for a passing fault:
    a shop that fails a few per cent of its requests would be asked for one row at a time.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._calm = 0
        self.rows = largest

    def good(self) -> None:
        """An answer came; after some in a row the page grows back."""
        self._calm += 1
        if self._calm >= _CALM and self.rows < self._largest:
            self.rows, self._calm = min(self._largest, self.rows * 2), 0

    def too_heavy(self, rows: int) -> None:
        """The same page of so many rows failed twice for its weight."""
        self.rows, self._calm = max(1, min(self.rows, rows) // 2), 0

    def capped(self, rows: int) -> None:
        """The shop shows no more than so many at once, whatever it is asked for."""
        self._largest = self.rows = max(1, min(self.rows, rows))
