"""As much of JSON Schema (2020-12) as the configuration's schema uses; any other keyword is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_SAYS_NOTHING = {"title", "description", "default", "examples", "format", "writeOnly", "$schema", "$defs"}


def faults(value: Any, schema: Any, root: dict[str, Any], path: str = "") -> list[str]:
    """Where and why the value does not fit; empty when it does."""
    if isinstance(schema, bool):
        return [] if schema else [f"{path}: not allowed"]
    return [
        fault
        for keyword, wanted in schema.items()
        if keyword not in _SAYS_NOTHING
        for fault in _keyword(keyword, wanted, value, schema, root, path)
    ]


def _keyword(
    keyword: str, wanted: Any, value: Any, schema: dict[str, Any], root: dict[str, Any], path: str
) -> Iterator[str]:
    def fits(part: Any, item: Any = value) -> bool:
        return not faults(item, part, root)

    good = True
    match keyword:
        case "$ref":
            yield from faults(value, root["$defs"][wanted.removeprefix("#/$defs/")], root, path)
        case "allOf":
            for part in wanted:
                yield from faults(value, part, root, path)
        case "anyOf":
            good = any(fits(part) for part in wanted)
        case "if":
            if fits(wanted):
                yield from faults(value, schema["then"], root, path)
        case "then":
            assert "if" in schema
        case "type":
            good = isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))
        case "enum":
            good = value in wanted
        case "const":
            good = value == wanted
        case "pattern":
            good = not isinstance(value, str) or re.search(wanted, value) is not None
        case "minLength" | "minItems":
            good = not isinstance(value, str | list) or len(value) >= wanted
        case "maxLength" | "maxItems":
            good = not isinstance(value, str | list) or len(value) <= wanted
        case "minimum":
            good = not isinstance(value, int) or value >= wanted
        case "maximum":
            good = not isinstance(value, int) or value <= wanted
        case "required":
            for key in wanted if isinstance(value, dict) else ():
                if key not in value:
                    yield f"{path}.{key}: required"
        case "items":
            for index, item in enumerate(value if isinstance(value, list) else ()):
                yield from faults(item, wanted, root, f"{path}[{index}]")
        case "properties":
            for key in wanted.keys() & value.keys() if isinstance(value, dict) else ():
                yield from faults(value[key], wanted[key], root, f"{path}.{key}")
        case "patternProperties" | "additionalProperties":
            for key, part in _others(keyword, wanted, value, schema):
                yield from faults(value[key], part, root, f"{path}.{key}")
        case "propertyNames":
            good = not isinstance(value, dict) or all(fits(wanted, key) for key in value)
        case _:
            raise AssertionError(f"{keyword} is not known here")
    if not good:
        yield f"{path}: {keyword} {wanted}"


def _others(keyword: str, wanted: Any, value: Any, schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    patterns = schema.get("patternProperties", {})
    for key in value if isinstance(value, dict) else ():
        matching = [part for pattern, part in patterns.items() if re.search(pattern, key)]
        if keyword == "patternProperties":
            yield from ((key, part) for part in matching)
        elif not matching and key not in schema.get("properties", {}):
            yield key, wanted
