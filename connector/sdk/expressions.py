"""JMESPath over documents with exact numbers.

The ``jmespath`` package knows ``int`` and ``float`` only. Here its functions take ``Decimal`` too (as custom
functions, the documented way to extend them) and never make a ``float``: to the last digit, in and out.
"""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Any

import jmespath
from jmespath import exceptions, functions
from pydantic import AfterValidator

from connector.runtime import exact_json

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
LONGEST = 4000  # characters; evaluating a longer one could end in a recursion too deep
_LONGEST_NUMBER = 1000  # characters
Number = int | Decimal


class ExpressionError(ValueError):
    """An expression that cannot be read or evaluated. Its text never holds a value of the document."""


class ExactFunctions(functions.Functions):
    """The built-in functions, with Decimal as a number."""

    def _get_allowed_pytypes(self, types: list[str]) -> tuple[list[str], list[tuple[str, ...]]]:
        allowed, subtypes = super()._get_allowed_pytypes(types)  # type: ignore[misc]  # not in the stubs
        if "float" in allowed:
            allowed.append("Decimal")
        return allowed, [(*names, "Decimal") if "float" in names else names for names in subtypes]

    def _convert_to_jmespath_type(self, pyobject: str) -> str:
        return "number" if pyobject == "Decimal" else functions.TYPES_MAP.get(pyobject, "unknown")

    @functions.signature({"types": []})
    def _func_to_string(self, value: Any) -> str:
        return value if isinstance(value, str) else exact_json.encode(value).decode()

    @functions.signature({"types": []})
    def _func_to_number(self, value: Any) -> Number | None:
        if isinstance(value, str):
            match = _NUMBER.fullmatch(value)
            if match is None or len(value) > _LONGEST_NUMBER:
                return None
            return int(value) if match.lastindex is None else Decimal(value)
        return value if isinstance(value, Number) and not isinstance(value, bool) else None

    @functions.signature({"types": []})
    def _func_type(self, value: Any) -> str:
        return self._convert_to_jmespath_type(type(value).__name__)

    @functions.signature({"types": ["array-number"]})
    def _func_avg(self, numbers: list[Number]) -> Decimal | None:
        return Decimal(sum(numbers)) / len(numbers) if numbers else None

    # Rounded as Decimal: as an int, 1e999999 of a broken document would fill the memory.
    @functions.signature({"types": ["number"]})
    def _func_ceil(self, number: Number) -> Decimal:
        return Decimal(number).to_integral_value(ROUND_CEILING)

    @functions.signature({"types": ["number"]})
    def _func_floor(self, number: Number) -> Decimal:
        return Decimal(number).to_integral_value(ROUND_FLOOR)


_OPTIONS = jmespath.Options(custom_functions=ExactFunctions())


class Expression:
    """A compiled expression. Raises ExpressionError when it cannot be read or names an unknown function."""

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise ExpressionError(f"is longer than {LONGEST:,} characters")
        try:
            self._parsed = jmespath.compile(text)
            _prepare(self._parsed.parsed, text)
            _try_out(self._parsed)
        except (exceptions.JMESPathError, RecursionError) as error:
            raise ExpressionError(f"{text!r} is not a JMESPath expression: {_reason(error)}") from None

    def search(self, body: Any) -> Any:
        """What the expression finds in the document; None for nothing. Raises ExpressionError."""
        try:
            return self._parsed.search(body, options=_OPTIONS)
        except exceptions.JMESPathTypeError as error:
            said = f"{error.function_name}() cannot take {error.actual_type}"
        except (ValueError, TypeError, ArithmeticError, AttributeError, LookupError, RecursionError) as error:
            # The package lets through what Python says when two values do not go together.
            said = f"the values it finds do not go together ({type(error).__name__})"
        raise ExpressionError(f"{self.text!r} cannot be evaluated for this order: {said}") from None

    def keys(self) -> frozenset[str]:
        """Keys of the objects that it makes (``{city: town}``), as far as its text tells."""
        return frozenset(_keys(self._parsed.parsed))

    def texts(self) -> frozenset[str]:
        """The texts that it names outright: its literals (``'cod'``, `"cod"`)."""
        return frozenset(_texts(self._parsed.parsed))

    def holds(self, body: Any) -> bool:
        """Whether it finds what JMESPath calls true: not null, false or empty. Raises ExpressionError."""
        found = self.search(body)
        return found is not None and found is not False and found not in ("", [], {})


def _valid(text: str) -> str:
    Expression(text)
    return text


JMESPath = Annotated[str, AfterValidator(_valid)]
"""For configuration models: text that is a JMESPath expression."""


def _try_out(parsed: Any) -> None:
    """Raises RecursionError where evaluating calls itself too often, whatever the document."""
    with suppress(
        exceptions.JMESPathError, ValueError, TypeError, ArithmeticError, AttributeError, LookupError
    ):
        parsed.search(None, options=_OPTIONS)


def _prepare(node: Any, text: str) -> None:
    """Check the functions' names and arguments now, not at the first order; make literals exact."""
    if node["type"] == "function_expression":
        _check_function(node["value"], len(node["children"]), text)
    elif node["type"] == "literal":
        node["value"] = _exact(node["value"])
    for child in node["children"]:
        if isinstance(child, dict):
            _prepare(child, text)


def _check_function(name: str, given: int, text: str) -> None:
    known = ExactFunctions.FUNCTION_TABLE.get(name)
    if known is None:
        raise ExpressionError(f"{text!r} calls {name}(), which JMESPath does not have")
    wanted = len(known["signature"])
    variadic = known["signature"][-1].get("variadic", False)
    if given < wanted or (given > wanted and not variadic):
        raise ExpressionError(f"{text!r} gives {name}() {given} arguments; it takes {wanted}")


_STEPS = ("subexpression", "pipe", "index_expression", "projection", "value_projection", "filter_projection")
_MADE_FROM_FIRST = ("sort_by", "reverse", "max_by", "min_by", "to_array")


def _keys(node: Any) -> set[str]:
    """The keys of the objects that a part of an expression yields, also as elements of a list."""
    kind, children = node["type"], node["children"]
    if kind == "multi_select_dict":
        return {pair["value"] for pair in children}
    if kind == "literal":
        return set(node["value"]) if isinstance(node["value"], dict) else set()
    if kind in ("or_expression", "and_expression", "multi_select_list"):
        return set().union(*map(_keys, children))
    if kind == "flatten":
        return _keys(children[0])
    if kind == "function_expression" and children:
        if node["value"] == "map":
            return _keys(children[0]["children"][0])
        if node["value"] in ("merge", "not_null"):
            return set().union(*map(_keys, children))
        return _keys(children[0]) if node["value"] in _MADE_FROM_FIRST else set()
    if kind in _STEPS:
        last = children[1]
        return _keys(children[0] if last["type"] in ("identity", "index", "slice") else last)
    return set()


def _texts(node: Any) -> set[str]:
    own = {node["value"]} if node["type"] == "literal" and isinstance(node["value"], str) else set()
    return own.union(*(_texts(child) for child in node["children"] if isinstance(child, dict)))


def _exact(literal: Any) -> Any:
    if isinstance(literal, float):
        return Decimal(repr(literal))
    if isinstance(literal, list):
        return [_exact(item) for item in literal]
    if isinstance(literal, dict):
        return {key: _exact(value) for key, value in literal.items()}
    return literal


def _reason(error: Exception) -> str:
    if isinstance(error, exceptions.LexerError):
        return f"{error.message} at column {error.lex_position + 1}"
    if isinstance(error, exceptions.IncompleteExpressionError):
        return "it ends too early"
    if isinstance(error, exceptions.ParseError):
        return f"{error.token_value!r} at column {error.lex_position + 1} does not fit"
    return "it is empty" if isinstance(error, exceptions.EmptyExpressionError) else "it is nested too deeply"
