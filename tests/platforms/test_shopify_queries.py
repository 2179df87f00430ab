"""Every query to Shopify against Shopify's whole schema, and against what bulk operations allow."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from graphql import GraphQLSchema, NoDeprecatedCustomRule, build_schema, parse, validate

from adapters.shopify import queries
from adapters.shopify.queries import Selection
from tests.shops.shopify.bulk_rules import refusals

WHOLE = Path(__file__).parents[2] / "cassettes" / "shopify" / "admin-2026-10.graphql.gz"
SEARCH = "created_at:>='2026-01-01T00:00:00Z' AND created_at:<='2026-11-23T00:00:00Z'"
SELECTIONS = [
    Selection(money, customer) for money, customer in product(("shop", "presentment"), (True, False))
]
OTHERS = {
    name: text
    for name, text in vars(queries).items()
    if name.isupper() and not name.startswith("_") and isinstance(text, str)
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """All 3,546 types of the Admin API, without descriptions; assumed valid, which saves seconds."""
    return build_schema(gzip.decompress(WHOLE.read_bytes()).decode(), assume_valid=True)


def about_orders(selection: Selection) -> Iterator[str]:
    yield queries.orders(selection)
    yield queries.order(selection)
    yield queries.several(selection)
    yield queries.more_lines(selection)
    yield queries.bulk(selection, SEARCH)


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_the_whole_schema_knows_what_is_asked_of_orders(schema: GraphQLSchema, selection: Selection) -> None:
    for text in about_orders(selection):
        assert validate(schema, parse(text)) == []


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_the_whole_schema_knows_every_other_query(schema: GraphQLSchema, name: str) -> None:
    assert validate(schema, parse(OTHERS[name])) == []


def test_the_schema_refuses_what_shopify_would(schema: GraphQLSchema) -> None:
    assert validate(schema, parse("{ orders(first: 1) { nodes { nosuchfield } } }"))


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_the_bulk_query_keeps_the_rules_of_bulk_operations(selection: Selection) -> None:
    assert refusals(queries.bulk(selection, SEARCH)) == []


def test_no_deprecated_field_is_asked_for(schema: GraphQLSchema) -> None:
    for selection in SELECTIONS:
        for text in about_orders(selection):
            assert validate(schema, parse(text), [NoDeprecatedCustomRule]) == []
    for text in OTHERS.values():
        assert validate(schema, parse(text), [NoDeprecatedCustomRule]) == []
