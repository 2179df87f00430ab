"""Requests to Vendure's Admin API, and its refusals in our words.

Refusals come with status 200 and ``errors[].extensions.code`` ``FORBIDDEN``. A shop with a single channel
takes any channel token for its own, so each answer tells which channel it is about, and that is compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from adapters.vendure.configuration import Credentials, Options
from connector.model.errors import AuthError, Unavailable
from connector.runtime.http import Http, Reply, refusal
from connector.sdk import graphql

_FORBIDDEN = "FORBIDDEN"
_NO_CHANNEL = "CHANNEL_NOT_FOUND"
_UNKNOWN_QUERY = "GRAPHQL_VALIDATION_FAILED"
_TOKEN = "vendure-auth-token"  # noqa: S105 # the header in which a login is answered

_ADDRESS = """{ fullName company streetLine1 streetLine2 city province postalCode countryCode phoneNumber }"""
_FIELDS = """
  id code type state active createdAt updatedAt orderPlacedAt currencyCode couponCodes
  totalWithTax total subTotal shipping shippingWithTax
  taxSummary { description taxRate taxTotal }
  discounts { adjustmentSource type description amount amountWithTax }
  promotions { id couponCode name }
  surcharges { id description sku price priceWithTax }
  customer { id firstName lastName emailAddress phoneNumber user { id } %(customer)s }
  shippingAddress %(address)s
  billingAddress %(address)s
  shippingLines { id price priceWithTax shippingMethod { id code name } }
  lines {
    id quantity orderPlacedQuantity unitPrice proratedUnitPriceWithTax taxLines { description taxRate }
    productVariant { id sku name product { id } }
  }
  payments { id updatedAt method amount state refunds { id updatedAt state total } }
  fulfillments { id updatedAt state method trackingCode lines { orderLineId quantity } }
  channels { id code }
  %(order)s
"""
_ABOUT = """
  activeChannel { id code token }
  globalSettings { serverConfig { moneyStrategyPrecision } }
"""
_LOGIN = """mutation($username: String!, $password: String!) {
  login(username: $username, password: $password) { __typename }
}"""


class Rows(msgspec.Struct, frozen=True):
    """One page of orders, as bodies of documents. ``date`` is the shop's clock, aware UTC."""

    bodies: Sequence[dict[str, Any]]
    total: int
    date: datetime | None


class _Orders(msgspec.Struct, rename="camel"):
    items: list[dict[str, Any]]
    total_items: int


class _Channel(msgspec.Struct):
    token: str


class _ServerConfig(msgspec.Struct, rename="camel"):
    money_strategy_precision: int


class _GlobalSettings(msgspec.Struct, rename="camel"):
    server_config: _ServerConfig


class _Listed(msgspec.Struct, rename="camel"):
    orders: _Orders
    active_channel: _Channel
    global_settings: _GlobalSettings


class _Fetched(msgspec.Struct, rename="camel"):
    order: dict[str, Any] | None
    active_channel: _Channel
    global_settings: _GlobalSettings


class Client:
    """One shop's Admin API, with an API key or a session of its own."""

    def __init__(self, http: Http, url: str, credentials: Credentials, options: Options) -> None:
        self._http = http
        self._url = url
        self._credentials = credentials
        self._channel = options.channel
        self._session = ""
        fields = _FIELDS % {
            "address": _ADDRESS,
            "order": _custom(options.order_fields),
            "customer": _custom(options.customer_fields),
        }
        self._list = (
            "query($options: OrderListOptions) { orders(options: $options) "
            f"{{ totalItems items {{ {fields} }} }} {_ABOUT} }}"
        )
        self._one = f"query($id: ID!) {{ order(id: $id) {{ {fields} }}{_ABOUT} }}"

    async def orders(self, options: Mapping[str, Any]) -> Rows:
        """A page of the list of orders. Raises AuthError, Unavailable."""
        answer = await self.ask(self._list, {"options": options})
        listed = shaped(answer, _Listed)
        self._same_channel(listed.active_channel)
        bodies = [_body(row, listed.global_settings) for row in listed.orders.items]
        return Rows(bodies, listed.orders.total_items, answer.reply.date)

    async def order(self, ref: str) -> dict[str, Any] | None:
        """One order as the body of a document; None when there is none. Raises AuthError, Unavailable."""
        fetched = shaped(await self.ask(self._one, {"id": ref}), _Fetched)
        self._same_channel(fetched.active_channel)
        return None if fetched.order is None else _body(fetched.order, fetched.global_settings)

    async def ask(self, query: str, variables: Mapping[str, Any]) -> graphql.Answer:
        """An authorised query; a session that has ended is begun anew. Raises AuthError, Unavailable."""
        kept = bool(self._session)
        answer = await self._post(query, variables)
        if kept and _has(answer, _FORBIDDEN):
            self._session = ""
            answer = await self._post(query, variables)
        if answer.faults:
            raise self._refusal(answer)
        return answer

    async def _post(self, query: str, variables: Mapping[str, Any]) -> graphql.Answer:
        headers = {"vendure-token": self._channel} if self._channel else {}
        if self._credentials.api_key is not None:
            headers["vendure-api-key"] = self._credentials.api_key.get_secret_value()
        else:
            self._session = self._session or await self._login()
            headers["Authorization"] = f"Bearer {self._session}"
        return _answer(await graphql.post(self._http, self._url, query, variables, headers))

    async def _login(self) -> str:
        answer = _answer(await graphql.post(self._http, self._url, _LOGIN, self._credentials.login))
        login = answer.data.get("login")
        if not isinstance(login, dict) or login.get("__typename") != "CurrentUser":
            raise AuthError(f"{self._url} refuses credentials.username and password")
        token = answer.reply.headers.get(_TOKEN, "")
        if not token:
            raise AuthError(
                f"{self._url} gives sessions as cookies only: let the shop's authOptions.tokenMethod list "
                '"bearer", or "api-key" and use an API key'
            )
        return str(token)

    def _refusal(self, answer: graphql.Answer) -> AuthError | Unavailable:
        """What the server says is quoted, but not about a login: it might repeat what it was given."""
        if _has(answer, _FORBIDDEN):
            where = next((str(fault.path[0]) for fault in answer.faults if fault.path), "orders")
            how = (
                "the API key is not known or its role lacks a permission (and authOptions.tokenMethod "
                'must list "api-key")'
                if self._credentials.api_key is not None
                else "the user's role lacks a permission"
            )
            return AuthError(
                f"{self._url} does not let us read {where}: {how}. Needed are ReadOrder, ReadCustomer, "
                "ReadCatalog, ReadPromotion, ReadPaymentMethod and ReadShippingMethod"
            )
        if _has(answer, _NO_CHANNEL):
            return AuthError(f"{self._url} has no channel with the token in options.channel")
        hint = (
            "; correct order_fields and customer_fields, or update Vendure to 3.0 or newer"
            if _has(answer, _UNKNOWN_QUERY)
            else ""
        )
        return Unavailable(f"{self._url} answered with errors: {answer.said}{hint}", maybe_done=True)

    def _same_channel(self, channel: _Channel) -> None:
        if self._channel and channel.token != self._channel:
            raise AuthError(
                f"{self._url} has no channel with the token in options.channel; it shows another one instead"
            )


def shaped(answer: graphql.Answer, kind: type[Any]) -> Any:
    """The data in its shape. Raises Unavailable for another one; what it says is not quoted."""
    try:
        return msgspec.convert(answer.data, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(
            f"{answer.reply.url} answers something else than Vendure's API promises ({error})",
            maybe_done=True,
        ) from None


def _body(row: dict[str, Any], settings: _GlobalSettings) -> dict[str, Any]:
    """A document says by itself how many decimals its amounts have."""
    return {**row, "moneyStrategyPrecision": settings.server_config.money_strategy_precision}


def _answer(reply: Reply) -> graphql.Answer:
    """Errors in a query come with 400; any other status is not the API's."""
    if reply.status not in (200, 400):
        raise refusal(reply)
    return graphql.answer(reply)


def _has(answer: graphql.Answer, code: str) -> bool:
    return any(fault.code == code for fault in answer.faults)


def _custom(names: Sequence[str]) -> str:
    return f"customFields {{ {' '.join(names)} }}" if names else ""
