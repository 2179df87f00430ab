"""GraphQL over HTTP: one request, and its answer apart into data and faults.

What a fault means differs by platform: Shopify's and Vendure's servers both answer 200 with ``errors``, and
both say in ``extensions.code`` what kind it is, but the codes and what follows from them are their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from connector.model.errors import Unavailable
from connector.runtime import exact_json
from connector.runtime.http import Http, Reply

_LONGEST_MESSAGE = 300


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One of ``errors``. ``message`` is one short line of the server's words; ``code`` empty when unsaid."""

    message: str
    code: str = ""
    path: tuple[str | int, ...] = ()
    extensions: Mapping[str, Any] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded answer. ``data`` is empty when there is none; with faults beside it, it is only a part."""

    data: Mapping[str, Any]
    faults: tuple[Fault, ...]
    extensions: Mapping[str, Any]
    reply: Reply

    @property
    def said(self) -> str:
        """The faults' messages, each once."""
        return "; ".join(dict.fromkeys(fault.message for fault in self.faults))


async def post(
    http: Http, url: str, query: str, variables: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Reply:
    """Send an operation; the reply whatever its status. Raises Unavailable when none came."""
    return await http.send(
        "POST",
        url,
        headers={"Content-Type": "application/json", "Accept": "application/json", **(headers or {})},
        content=exact_json.encode({"query": query, "variables": variables}),
    )


def answer(reply: Reply) -> Answer:
    """The reply's body, whatever its status; servers send ``errors`` with 4xx as well.

    Raises Unavailable when it is not GraphQL's JSON: then nothing is known, which is no empty answer.
    """
    value = reply.json()
    if not isinstance(value, dict) or not (value.get("data") or value.get("errors")):
        raise Unavailable(
            f"{reply.url} answered {reply.status} without GraphQL's data or errors", maybe_done=True
        )
    errors = value.get("errors")
    # Shopify answers some refusals with {"errors": "a sentence"} instead of a list.
    rows = errors if isinstance(errors, list) else [{"message": errors}] if errors else []
    return Answer(
        data=_object(value.get("data")),
        faults=tuple(_fault(row) for row in rows),
        extensions=_object(value.get("extensions")),
        reply=reply,
    )


def _fault(row: Any) -> Fault:
    fault = _object(row)
    extensions = _object(fault.get("extensions"))
    path = fault.get("path")
    code = extensions.get("code")
    return Fault(
        message=_line(fault.get("message")),
        code=code if isinstance(code, str) else "",
        path=tuple(step for step in path if isinstance(step, str | int)) if isinstance(path, list) else (),
        extensions=extensions,
    )


def _line(message: Any) -> str:
    words = " ".join(message.split()) if isinstance(message, str) else ""
    if not words:
        return "an error without a message"
    return words if len(words) <= _LONGEST_MESSAGE else words[:_LONGEST_MESSAGE] + "…"


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
