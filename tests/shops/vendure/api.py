"""POST /admin-api: queries are checked against the schema, and answered from the shop's orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import get_variable_values
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.runtime import exact_json
from tests.shops.vendure.shop import Shop, Stored, truncated

SCHEMA = build_schema((Path(__file__).parent / "schema.graphql").read_text())
PROCESS = (
    *("Created", "Draft", "AddingItems", "ArrangingPayment", "PaymentAuthorized", "PaymentSettled"),
    *("PartiallyShipped", "Shipped", "PartiallyDelivered", "Delivered"),
    *("Modifying", "ArrangingAdditionalPayment", "Cancelled"),
)
MOST = 1000


def application(shop: Shop) -> Starlette:
    """The Admin API of one shop."""

    async def endpoint(request: Request) -> Response:
        asked = exact_json.decode(await request.body())
        query, variables = asked["query"], asked.get("variables") or {}
        shop.requests.append({"query": query, "variables": variables})
        document, problems = _checked(query)
        if problems:
            return _answer({"errors": [_error(text, "GRAPHQL_VALIDATION_FAILED") for text in problems]}, 400)
        (operation,) = document.definitions
        assert isinstance(operation, OperationDefinitionNode)
        values = get_variable_values(SCHEMA, operation.variable_definitions or (), variables)
        if isinstance(values, list):
            return _answer({"errors": [_error(error.message, "BAD_USER_INPUT") for error in values]})
        # Coerced, the keys of ``sort`` come in the schema's order: a real Vendure sorts by that.
        return _resolved(shop, request, operation.selection_set, values.coerced)

    return Starlette(routes=[Route("/admin-api", endpoint, methods=["POST"])])


@cache
def _checked(query: str) -> tuple[DocumentNode, list[str]]:
    document = parse(query)
    return document, [error.message for error in validate(SCHEMA, document, specified_rules)]


def _resolved(
    shop: Shop, request: Request, selection: SelectionSetNode, variables: Mapping[str, Any]
) -> Response:
    fields = [node for node in selection.selections if isinstance(node, FieldNode)]
    if fields[0].name.value == "login":
        return _login(shop, variables)
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    if request.headers.get("vendure-api-key") != shop.key and bearer not in shop.sessions:
        name = fields[0].name.value
        error = _error("You are not currently authorized to perform this action", "FORBIDDEN", [name])
        return _answer({"errors": [error], "data": None})
    token = request.headers.get("vendure-token", "")
    if len(shop.channels) == 1 or not token:
        token = shop.channels[0]  # with one channel, any token is taken for its own
    if token not in shop.channels:
        return _answer(
            {"errors": [_error("The Channel token was not found", "CHANNEL_NOT_FOUND")], "data": None}
        )
    data: dict[str, Any] = {}
    for node in fields:
        try:
            data[node.name.value] = _projected(_field(shop, node.name.value, variables, token), node)
        except GraphQLError as error:
            return _answer({"errors": [_error(error.message, "USER_INPUT_ERROR")], "data": None})
    return _answer({"data": data})


def _field(shop: Shop, name: str, variables: Mapping[str, Any], token: str) -> Any:
    if name == "orders":
        return _orders(shop, variables.get("options") or {})
    if name == "order":
        stored = shop.orders.get(variables["id"])
        return stored and stored.shown()
    if name == "activeChannel":
        code = "__default_channel__" if token == shop.channels[0] else f"channel-{token}"
        return {
            "id": "1",
            "code": code,
            "token": token,
            "defaultCurrencyCode": "USD",
            "pricesIncludeTax": False,
        }
    process = [{"name": name, "to": []} for name in PROCESS]
    return {"serverConfig": {"moneyStrategyPrecision": shop.precision, "orderProcess": process}}


def _orders(shop: Shop, options: Mapping[str, Any]) -> Mapping[str, Any]:
    take = options.get("take") or MOST
    if take > MOST:
        raise GraphQLError(f"Cannot take more than {MOST} results from a list query")
    found = [one for one in shop.orders.values() if _matches(one, options.get("filter") or {})]
    sort = (options.get("sort") or {"id": "ASC"}) if shop.sorts else {}
    for name, direction in reversed(sort.items()):
        found.sort(key=lambda one: _sort_key(one, name), reverse=str(direction) == "DESC")
    skip = options.get("skip") or 0
    return {"totalItems": len(found), "items": [one.shown() for one in found[skip : skip + take]]}


def _sort_key(one: Stored, name: str) -> Any:
    if name == "id":
        return one.body["id"].zfill(40)
    return one.times[name] or datetime.min.replace(tzinfo=UTC)


def _matches(one: Stored, wanted: Mapping[str, Any]) -> bool:
    return all(_holds(one, name, condition) for name, condition in wanted.items())


def _holds(one: Stored, name: str, condition: Any) -> bool:
    if name in ("_and", "_or"):
        each = [_matches(one, part) for part in condition]
        return all(each) if name == "_and" else any(each)
    value = one.times[name] if name in one.times else one.body[name]
    return all(_operator(operator, value, bound) for operator, bound in condition.items())


def _operator(operator: str, value: Any, bound: Any) -> bool:
    if operator == "isNull":
        return (value is None) is bound
    if operator == "in":
        return value in bound
    if value is None:
        return False
    assert isinstance(value, datetime)
    if operator == "between":
        return _time(bound["start"]) <= value <= _time(bound["end"])
    if operator == "after":
        return value > _time(bound)
    if operator == "before":
        return value < _time(bound)
    raise AssertionError(f"the stand-in does not know the operator {operator}")


def _time(text: str) -> datetime:
    if not text.endswith("Z") or "T" not in text:
        raise GraphQLError(f"DateTime cannot represent an invalid date-time-string {text}.")
    return truncated(datetime.fromisoformat(text))


def _projected(value: Any, node: FieldNode) -> Any:
    """What the selection asks for, of dicts in lists in dicts."""
    if isinstance(value, list):
        return [_projected(one, node) for one in value]
    if not isinstance(value, dict) or node.selection_set is None:
        return value
    parts = [part for part in node.selection_set.selections if isinstance(part, FieldNode)]
    return {part.name.value: _projected(value.get(part.name.value), part) for part in parts}


def _login(shop: Shop, variables: Mapping[str, Any]) -> Response:
    if (variables["username"], variables["password"]) != shop.login:
        return _answer({"data": {"login": {"__typename": "InvalidCredentialsError"}}})
    token = token_hex()
    shop.sessions.add(token)
    return _answer({"data": {"login": {"__typename": "CurrentUser"}}}, headers={"vendure-auth-token": token})


def _error(message: str, code: str, path: list[str] | None = None) -> dict[str, Any]:
    return {"message": message, "path": path, "extensions": {"code": code}}


def _answer(
    value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return Response(
        exact_json.encode(value), status, {"Date": date, **(headers or {})}, media_type="application/json"
    )
