"""The shop's two GraphQL APIs, as a storefront and a merchant's tool would call them."""

from __future__ import annotations

from typing import Any

import httpx

_FAULT = "... on ErrorResult { errorCode message }"


class Api:
    """One session at ``path``; the server answers its first request with a token for it."""

    def __init__(self, client: httpx.AsyncClient, path: str) -> None:
        self._client = client
        self._path = path
        self._headers: dict[str, str] = {}

    async def __call__(self, query: str, good: str = "", /, **variables: Any) -> Any:
        """The one field that a query asks for.

        ``%s`` in it stands for a union of ``good`` (``Order { id }``) and of what goes wrong, which raises.
        """
        text = query.replace("%s", f"{{ ... on {good} {_FAULT} }}") if good else query
        body = {"query": text, "variables": variables}
        reply = await self._client.post(self._path, json=body, headers=self._headers)
        self._client.cookies.clear()  # the client is shared, the session is not
        token = reply.headers.get("vendure-auth-token")
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        answer = reply.json()
        if answer.get("errors"):
            raise RuntimeError(f"{query}: {answer['errors'][0]['message']}")
        (value,) = answer["data"].values()
        if isinstance(value, dict) and "errorCode" in value:
            raise RuntimeError(f"{query}: {value['errorCode']} {value['message']}")
        return value
