"""What no payload can be without, read from a document that may not have it. Pure.

A store's mapping can know the total and the time of the placing where the adapter finds none, so their
absence is no fault of the document yet: why they are not there is remembered, and the mapping refuses the
order with it when it knows no better. Ids are not among them: without one nothing of a document can be kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from connector.model.errors import BadOrder

P = ParamSpec("P")
T = TypeVar("T")


class Required:
    """Reads one document. ``lacks`` says for fields of the payload why the document does not give them."""

    def __init__(self) -> None:
        self.lacks: dict[str, str] = {}

    def read(self, field: str, reader: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """What the reader finds; None where it raises BadOrder, whose sentence is remembered."""
        try:
            return reader(*args, **kwargs)
        except BadOrder as error:
            self.lacks[field] = error.reason if error.field == field else str(error)
            return None
