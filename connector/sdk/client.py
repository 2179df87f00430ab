"""A shop's JSON API over HTTP: one request, and its answer or what its refusal means.

What a refusal means differs by platform, so that a client is given a function that says what to do about one
(mostly a table of hints). What the shop says itself is quoted: one line, without our secrets.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import msgspec

from connector.model.errors import AuthError, Unavailable
from connector.runtime import exact_json
from connector.runtime.http import Http, Reply, refusal

LONGEST_MESSAGE = 200
_MOST_OF_A_PAGE = 20_000  # bytes of an HTML page in which its title is looked for
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{0,1000})", re.IGNORECASE)
_TAGS = re.compile(r"<[^<>]{0,1000}>")


class Answer(msgspec.Struct, frozen=True):
    """A decoded answer: ``value`` is its JSON, with fractions as Decimal."""

    value: Any
    reply: Reply

    def number(self, header: str) -> int | None:
        """A header that holds a count; None when absent."""
        text = self.reply.headers.get(header, "").strip()
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


class Problem(msgspec.Struct, frozen=True):
    """What a refusal says: an error code and a short sentence, either may be empty.

    ``spoken`` says that the API itself refused, in its own JSON, and not something before it.
    """

    code: str = ""
    message: str = ""
    spoken: bool = False


Hint = Callable[[Reply, Problem], str]


class JsonClient:
    """One shop's API below ``url``.

    ``auth`` signs each request anew; ``hint`` says what an operator is to do about a refusal, or nothing;
    ``decode`` makes an answer's JSON of its body where that takes more than decoding, and raises Unavailable.
    """

    def __init__(
        self,
        http: Http,
        url: str,
        *,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        hint: Hint = lambda reply, problem: "",
        decode: Callable[[Reply], Any] = lambda reply: reply.json(),
    ) -> None:
        self._http = http
        self._url = url
        self._auth = auth
        self._headers = {"Accept": "application/json", **(headers or {})}
        self._secrets = secrets
        self._hint = hint
        self._decode = decode

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, open: bool = False) -> Answer:
        """One read; ``open`` without signing. Raises AuthError and Unavailable."""
        return self.good(await self.reply("GET", path, params, open=open))

    async def get_or_none(
        self, path: str, params: Mapping[str, str] | None = None, *, gone: Callable[[Problem], bool]
    ) -> Answer | None:
        """The same; None for a 404 of which ``gone`` says that the thing is not there.

        Any other 404 is a fault: a web server's page says nothing about an order.
        """
        return self._unless_gone(await self.reply("GET", path, params), gone)

    async def post(self, path: str, value: Any) -> Answer:
        """Create something. Raises AuthError and Unavailable."""
        return self.good(await self.reply("POST", path, value=value))

    async def delete_or_none(
        self, path: str, params: Mapping[str, str] | None = None, *, gone: Callable[[Problem], bool]
    ) -> Answer | None:
        """Delete something; None when it is not there. Raises AuthError and Unavailable."""
        return self._unless_gone(await self.reply("DELETE", path, params), gone)

    async def reply(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        value: Any = None,
        open: bool = False,
    ) -> Reply:
        """The reply, whatever its status. Raises Unavailable when none came."""
        headers = self._headers if value is None else self._headers | {"Content-Type": "application/json"}
        return await self._http.send(
            method,
            self._url + path,
            params=params,
            headers=headers,
            content=None if value is None else exact_json.encode(value),
            auth=None if open else self._auth,
        )

    def good(self, reply: Reply) -> Answer:
        """The answer of a success. Raises AuthError and Unavailable."""
        if 200 <= reply.status < 300:
            return Answer(self._decode(reply), reply)
        raise self.refusal(reply)

    def problem(self, reply: Reply) -> Problem:
        """What the reply says of a fault: the API's error object, or the title of an HTML page."""
        try:
            value = self._decode(reply)
        except Unavailable:
            title = _TITLE.search(reply.body[:_MOST_OF_A_PAGE].decode("utf-8", "replace"))
            return Problem(message=self._quotable(title[1])) if title else Problem()
        if not isinstance(value, dict):
            return Problem()
        code, message = (
            next((value[name] for name in names if isinstance(value.get(name), str)), "")
            for names in (("code", "type"), ("message", "detail"))
        )
        return Problem(code=code, message=self._quotable(message), spoken=True)

    def refusal(self, reply: Reply) -> AuthError | Unavailable:
        """The error for a reply that is no success."""
        found = self.problem(reply)
        said = found.message
        hint = self._hint(reply, found)
        return refusal(reply, f"{said.rstrip('.')}; {hint}" if said and hint else said or hint)

    def _quotable(self, said: str) -> str:
        said = said[: 10 * LONGEST_MESSAGE]
        for secret in self._secrets:
            said = said.replace(secret, "…")
        return one_line(said)

    def _unless_gone(self, reply: Reply, gone: Callable[[Problem], bool]) -> Answer | None:
        if reply.status == 404 and gone(self.problem(reply)):
            return None
        return self.good(reply)


def one_line(text: str) -> str:
    """Foreign words for a message: no tags, no line breaks, not long."""
    words = " ".join(html.unescape(_TAGS.sub(" ", text)).split())
    return words if len(words) <= LONGEST_MESSAGE else words[:LONGEST_MESSAGE] + "…"
