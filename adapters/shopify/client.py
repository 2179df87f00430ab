"""Requests to Shopify's GraphQL Admin API, and what its refusals mean.

Shopify answers nearly everything with 200: a throttled request, a missing scope, a filter that it ignored.
What each looks like: https://shopify.dev/docs/api/usage/response-codes, .../usage/limits, and recordings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from adapters.shopify import queries
from adapters.shopify.access import Access, is_local, shop_domain
from adapters.shopify.configuration import Credentials, Options
from adapters.shopify.shopifyapi import ApiAccess, ApiAccessError, Release
from connector.model.errors import AuthError, Unavailable
from connector.runtime.http import Http, Reply, refusal
from connector.sdk import graphql
from connector.sdk.graphql import Answer, Fault

# What is withheld of protected customer data is null, with such an error beside it.
_WITHHELD = re.compile(r"not approved to (access|use)|protected customer data|\bPII\b", re.IGNORECASE)
_LONG = 3600.0  # seconds; a person has to act at Shopify before another request makes sense
_HINTS: Mapping[int, str] = {
    402: "the shop is frozen because of unpaid bills",
    404: "there is no shop at this address, or not this api_version; correct the configuration",
    423: "the shop is locked",
    430: "Shopify takes our requests for an attack",
}


class TooDear(Unavailable):
    """The query costs more than one may: the same one never succeeds, a smaller page does."""


class Cost(msgspec.Struct, frozen=True):
    """What a query was estimated at, and the bucket that pays for it; points and points a second."""

    requested: float
    available: float
    restored: float

    @classmethod
    def of(cls, answer: Answer) -> Cost | None:
        """As the shop said; bucket sizes are never assumed, because Shopify changes them at will."""
        try:
            cost = answer.extensions["cost"]
            status = cost["throttleStatus"]
            points = (cost["requestedQueryCost"], status["currentlyAvailable"], status["restoreRate"])
            return cls(*(float(point) for point in points))
        except (KeyError, TypeError, ValueError):
            return None

    def wait(self) -> float:
        """Seconds until the bucket holds enough for such a query."""
        missing = self.requested - self.available
        return missing / self.restored if missing > 0 < self.restored else 0.0


class Client:
    """One shop's Admin API. ``withheld`` are the messages about buyers' data that it keeps from us."""

    def __init__(self, http: Http, url: str, credentials: Credentials, options: Options) -> None:
        self.http = http
        self.domain = ""
        self.withheld: tuple[str, ...] = ()
        self._url = url
        self._credentials = credentials
        self._options = options
        self._access: Access | None = None
        self._scopes: Any = None  # an ApiAccess, once they are known
        self._endpoint = ""

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Answer:
        """One operation. Data may lack what is withheld of buyers; any other fault is raised.

        Raises AuthError, Unavailable and TooDear.
        """
        access = self._prepared()
        for tries_left in (1, 0):
            token = await access.token()
            reply = await graphql.post(
                self.http, self._endpoint, query, variables or {}, {"X-Shopify-Access-Token": token}
            )
            if reply.status == 401 and tries_left and access.give_up(token):
                continue
            if not 200 <= reply.status < 300:
                raise self._refusal(reply, access)
            answer = graphql.answer(reply)
            if tries_left and _denies_all(answer) and access.give_up(token):
                continue  # it is not documented which of the two an expired token gives
            return self._judged(answer)
        raise AssertionError("the last try returns or raises")

    async def selection(self) -> queries.Selection:
        """What may be asked of an order: without read_customers the buyer is left out, else all fails."""
        return queries.Selection(self._options.money, await self.may("read_customers"))

    async def may(self, *scopes: str) -> bool:
        """Whether the app was granted these scopes; asked for once, and again after a refusal."""
        if self._scopes is None:
            self.granted((await self.ask(queries.SCOPES)).data)
        return bool(self._scopes.covers(ApiAccess(list(scopes))))

    def granted(self, data: Mapping[str, Any]) -> None:
        """Remember the scopes that an answer tells."""
        self._scopes = _scopes(data)

    def trusts(self, url: str) -> bool:
        """Whether a report may be fetched from there: over TLS, or from this machine in tests."""
        return url.startswith("https://") or is_local(self.domain)

    def _prepared(self) -> Access:
        if self._access is None:
            self.domain = shop_domain(self._url)
            scheme = "http" if is_local(self.domain) and self._url.startswith("http://") else "https"
            base = f"{scheme}://{self.domain}"
            self._endpoint = Release(self._options.api_version).api_path(base) + "/graphql.json"
            self._access = Access(self.http, base, self._credentials)
        return self._access

    def _judged(self, answer: Answer) -> Answer:
        place = answer.reply.url
        for fault in answer.faults:
            if fault.code == "THROTTLED":
                cost = Cost.of(answer)
                wait = max(1.0, cost.wait() if cost else 0.0)
                raise Unavailable(f"{place} asks to slow down (throttled)", retry_after=wait)
            if fault.code == "MAX_COST_EXCEEDED":
                raise TooDear(f"{place}: {fault.message}")
            if _is_withheld(fault) and answer.data:
                continue
            if fault.code == "ACCESS_DENIED" or _is_withheld(fault):
                self._scopes = None
                raise AuthError(f"{place} refuses: {_needed(fault)}")
            if fault.code == "SHOP_INACTIVE":
                raise Unavailable(f"{place}: the shop is closed ({fault.message})", retry_after=_LONG)
            raise Unavailable(f"{place}: {fault.message}", maybe_done=True)
        if answer.faults:
            said = dict.fromkeys((*self.withheld, *(fault.message for fault in answer.faults)))
            self.withheld = tuple(said)[-5:]
        ignored = list(_warnings(answer.extensions))
        if ignored:
            raise Unavailable(
                f"{place} ignored a filter ({'; '.join(ignored)}), so what it lists is not what was asked for"
            )
        return answer

    def _refusal(self, reply: Reply, access: Access) -> AuthError | Unavailable:
        try:
            said = graphql.answer(reply).said
        except Unavailable:
            said = ""
        for secret in access.secrets:
            said = said.replace(secret, "…")
        hint = _HINTS.get(reply.status)
        if hint:
            because = f" ({said})" if said else ""
            return Unavailable(f"{reply.url} answered {reply.status}: {hint}{because}", retry_after=_LONG)
        if reply.status == 401:
            said = (
                f"{said or 'the token is not valid'}; is the app still installed, and the token its newest?"
            )
        return refusal(reply, said)


def _scopes(data: Mapping[str, Any]) -> Any:
    """``covers`` knows that write implies read. Handles of another kind (customer_…) do not matter."""
    found = []
    installation = data.get("currentAppInstallation")
    rows = installation.get("accessScopes") if isinstance(installation, dict) else None
    for row in rows if isinstance(rows, list) else []:
        handle = row.get("handle") if isinstance(row, dict) else None
        try:
            found += list(ApiAccess([handle])) if isinstance(handle, str) else []
        except ApiAccessError:
            continue
    return ApiAccess(found)


def _is_withheld(fault: Fault) -> bool:
    return bool(_WITHHELD.search(fault.message))


def _needed(fault: Fault) -> str:
    needed = fault.extensions.get("requiredAccess")
    if isinstance(needed, str) and needed.strip():
        return f"needed is {' '.join(needed.split())[:200]} Grant it to the app and install it again"
    return fault.message


def _denies_all(answer: Answer) -> bool:
    denied = any(fault.code == "ACCESS_DENIED" for fault in answer.faults)
    return denied and not any(value is not None for value in answer.data.values())


def _warnings(extensions: Mapping[str, Any]) -> Sequence[str]:
    """Shopify ignores a filter that it does not know, and lists everything."""
    searches = extensions.get("search")
    found = []
    for search in searches if isinstance(searches, list) else []:
        warnings = search.get("warnings") if isinstance(search, dict) else None
        for warning in warnings if isinstance(warnings, list) else []:
            field = warning.get("field") if isinstance(warning, dict) else warning
            found.append(f"{field}: {warning.get('message') if isinstance(warning, dict) else ''}")
    return found
