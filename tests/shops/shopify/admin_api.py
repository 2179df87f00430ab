"""The Admin API on GraphQL: a request's body in, an answer's body out, paid for with points."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    execute_sync,
    get_variable_values,
    parse,
    validate,
)

from tests.shops.shopify.cost import MOST, Costs
from tests.shops.shopify.execution import DOCUMENTATION, Call, resolve, schema
from tests.shops.shopify.orders import Document
from tests.shops.shopify.root import Root

if TYPE_CHECKING:
    from tests.shops.shopify.shop import Shop

_UNKNOWN_FIELD = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'\.")


def answer(shop: Shop, request: Mapping[str, Any]) -> Document:
    """The body of the answer to a POST of ``query``, ``variables`` and ``operationName``."""
    variables: dict[str, Any] = request.get("variables") or {}
    try:
        document = parse(str(request.get("query") or ""))
    except GraphQLError as error:
        return {"errors": [{**error.formatted, "extensions": {"code": "parseError"}}]}
    problems = validate(schema(), document)
    if problems:
        return {"errors": [_invalid(problem) for problem in problems]}
    operation, fragments = _parts(document, request.get("operationName"))
    values = get_variable_values(schema(), operation.variable_definitions or (), variables)
    if isinstance(values, list):
        return {"errors": [{**one.formatted, "extensions": {"code": "INVALID_VARIABLE"}} for one in values]}
    requested = Costs(schema(), fragments, values).of(operation)
    if requested > MOST:
        return {"errors": [_too_dear(requested)]}
    if shop.bucket.available() < requested:
        cost = {"requestedQueryCost": requested, "actualQueryCost": None}
        return {
            "errors": [throttled()],
            "extensions": {"cost": {**cost, "throttleStatus": shop.bucket.status()}},
        }
    shop.bucket.take(requested)
    call = Call(shop)
    result = execute_sync(
        schema(),
        document,
        root_value=Root(call),
        context_value=call,
        variable_values=variables,
        operation_name=request.get("operationName"),
        field_resolver=resolve,
    )
    for fault in result.errors or ():
        if not isinstance(fault.original_error, GraphQLError | None):
            raise fault.original_error
    actual = min(Costs(schema(), fragments, values, call.counts).of(operation), requested)
    shop.bucket.take(actual - requested)
    cost = {"requestedQueryCost": requested, "actualQueryCost": actual}
    found: Document = {"data": result.data}
    if result.errors:
        found["errors"] = [error.formatted for error in result.errors]
    found["extensions"] = {"cost": {**cost, "throttleStatus": shop.bucket.status()}}
    if call.searches:
        found["extensions"]["search"] = call.searches
    return found


def throttled() -> Document:
    """The error of an empty bucket."""
    return {
        "message": "Throttled",
        "extensions": {"code": "THROTTLED", "documentation": DOCUMENTATION + "rate-limits"},
    }


def _parts(
    document: DocumentNode, name: str | None
) -> tuple[OperationDefinitionNode, dict[str, FragmentDefinitionNode]]:
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if name:
        operations = [one for one in operations if one.name and one.name.value == name]
    fragments = {
        one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
    }
    return operations[0], fragments


def _invalid(problem: GraphQLError) -> Document:
    found = _UNKNOWN_FIELD.match(problem.message)
    if found is None:
        return {**problem.formatted, "extensions": {"code": "invalid"}}
    return {
        **problem.formatted,
        "message": f"Field '{found[1]}' doesn't exist on type '{found[2]}'",
        "extensions": {"code": "undefinedField", "typeName": found[2], "fieldName": found[1]},
    }


def _too_dear(cost: int) -> Document:
    return {
        "message": f"Query cost is {cost}, which exceeds the single query max cost limit ({MOST}).\n\n"
        "See https://shopify.dev/concepts/about-apis/rate-limits for more information on how the\n"
        "cost of a query is calculated.",
        "extensions": {
            "code": "MAX_COST_EXCEEDED",
            "cost": cost,
            "maxCost": MOST,
            "documentation": DOCUMENTATION + "rate-limits",
        },
    }
