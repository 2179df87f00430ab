"""GraphQL's answers, apart into data and faults."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from connector.model.errors import Unavailable
from connector.runtime import exact_json
from connector.runtime.http import Reply
from connector.sdk import graphql


def reply(value: Any, status: int = 200) -> Reply:
    body = value if isinstance(value, bytes) else exact_json.encode(value)
    return Reply(status, httpx.Headers(), body, "https://shop.example/graphql")


def test_data_and_faults_can_come_together() -> None:
    error = {
        "message": "This app is not approved\n to access the Customer object.",
        "path": ["orders", "nodes", 0, "email"],
        "extensions": {"code": "ACCESS_DENIED", "requiredAccess": "`read_customers` access scope."},
    }
    found = graphql.answer(reply({"data": {"orders": {"nodes": []}}, "errors": [error, error]}))
    assert found.data == {"orders": {"nodes": []}}
    assert [fault.code for fault in found.faults] == ["ACCESS_DENIED"] * 2
    assert found.faults[0].path == ("orders", "nodes", 0, "email")
    assert found.said == "This app is not approved to access the Customer object."


def test_errors_come_with_other_statuses_and_as_a_mere_sentence_too() -> None:
    found = graphql.answer(reply({"errors": "[API] Invalid API key or access token"}, 401))
    assert found.said == "[API] Invalid API key or access token"
    assert found.data == {}


@pytest.mark.parametrize("value", [{}, [], {"data": None}, {"data": {}}, b"<html></html>", b"", b'{"data":{'])
def test_what_is_no_answer_never_passes_for_an_empty_one(value: Any) -> None:
    with pytest.raises(Unavailable):
        graphql.answer(reply(value))


@pytest.mark.parametrize("error", [None, 1, "x", [], {"message": 3}, {"path": "x", "extensions": []}])
def test_nonsense_among_the_errors_is_still_a_fault(error: Any) -> None:
    (fault,) = graphql.answer(reply({"errors": [error]})).faults
    assert fault.message
