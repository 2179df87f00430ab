"""JMESPath over documents whose numbers are exact."""

from decimal import Decimal
from typing import Any

import pytest

from connector.runtime import exact_json
from connector.sdk.expressions import Expression, ExpressionError

BODY = exact_json.decode(
    b'{"id": 9007199254740993, "total": 95.10, "zero": 0.00, "none": null, "word": "abc", "huge": 1e999999,'
    b' "lines": [{"price": 0.1, "n": 1}, {"price": 0.2, "n": 2}], "text": "12.50"}'
)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("id", 9007199254740993),
        ("sum(lines[].price)", Decimal("0.3")),
        ("sum(lines[].n)", 3),
        ("sum([id, total])", Decimal("9007199254741088.10")),
        ("avg(lines[].price)", Decimal("0.15")),
        ("avg([id, id])", Decimal(9007199254740993)),
        ("avg(`[]`)", None),
        ("max(lines[].price)", Decimal("0.2")),
        ("max_by(lines, &price).n", 2),
        ("sort_by(lines, &price)[0].n", 1),
        ("sort([total, zero])[0]", Decimal("0.00")),
        ("abs(total)", Decimal("95.10")),
        ("ceil(total)", Decimal(96)),
        ("floor(total)", Decimal(95)),
        ("ceil(huge)", Decimal("1e999999")),
        ("to_string(total)", "95.10"),
        ("to_string(id)", "9007199254740993"),
        ("to_string(lines[0])", '{"price":0.1,"n":1}'),
        ("to_string(word)", "abc"),
        ("to_number(text)", Decimal("12.50")),
        ("to_number('9007199254740993')", 9007199254740993),
        ("to_number('1e3')", Decimal(1000)),
        ("to_number(word)", None),
        ("to_number(total)", Decimal("95.10")),
        ("to_number(`true`)", None),
        ("type(total)", "number"),
        ("type(id)", "number"),
        ("type(none)", "null"),
        ("total == `95.10`", True),
        ("total > `95.09`", True),
        ("total < `95.1`", False),
        ("total == '95.10'", False),
        ("lines[?price > `0.1`].n", [2]),
        ("zero == `0`", True),
        ("contains(lines[].price, `0.2`)", True),
        ("none.more", None),
    ],
)
def test_functions_and_comparisons_are_exact(expression: str, found: Any) -> None:
    result = Expression(expression).search(BODY)
    assert result == found
    assert type(result) is type(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("a.b[", "it ends too early"),
        ("a[0]]", "']' at column 5 does not fit"),
        ("'x", "column 1"),
        ("a ~ b", "Unknown token"),
        ("total(a)", r"calls total\(\), which JMESPath does not have"),
        ("[?sum(a, b) > `1`]", r"gives sum\(\) 2 arguments; it takes 1"),
        ("not_null()", r"gives not_null\(\) 0 arguments"),
        ("[" * 3000, "nested too deeply|ends too early"),
        ("[" * 5000, "is longer than 4,000 characters"),
    ],
)
def test_a_broken_expression_is_refused_when_it_is_read(text: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        Expression(text)


@pytest.mark.parametrize("text", ["sum(word)", "word < total", "contains(word, id)", "join('', lines[].n)"])
def test_values_that_do_not_fit_are_an_error_without_the_values(text: str) -> None:
    with pytest.raises(ExpressionError, match="cannot be evaluated for this order") as caught:
        Expression(text).search(BODY)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("total", True),
        ("zero", True),
        ("none", False),
        ("`[]`", False),
        ("`{}`", False),
        ("''", False),
        ("`false`", False),
    ],
)
def test_a_condition_is_true_in_jmespaths_sense(text: str, true: bool) -> None:
    assert Expression(text).holds(BODY) is true
