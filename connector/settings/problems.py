"""What pydantic found wrong, in sentences: what stands there, what is allowed, and where it stands.

A value is shown only where it cannot be a secret: never under a key that could hold one, never when it
came out of the environment or a file, and never under a key that is not known (it may be a misspelled one).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from connector.model.spelling import suggestion
from connector.settings.sources import Sources
from connector.settings.yaml_tree import KeyPath

LONGEST_SHOWN = 60

_PRIVATE_KEYS = re.compile(r"token|secret|credential|oauth|passw|key|database|url", re.IGNORECASE)


def note(error: ValidationError, model: type[BaseModel], prefix: KeyPath, sources: Sources) -> None:
    """Add the faults of one model, read from the keys below ``prefix``, to the sources' problems."""
    found: dict[KeyPath, list[str]] = {}
    for fault in error.errors(include_url=False):
        path = _path(fault, prefix, sources)
        if not any(path[:length] in sources.broken for length in range(len(path) + 1)):
            sentences = found.setdefault(path, [])
            sentence = _sentence(fault, path, model, sources)
            if sentence not in sentences:
                sentences.append(sentence)
    for path, sentences in found.items():
        sources.problem(path, "; or ".join(sentences))


def _path(fault: ErrorDetails, prefix: KeyPath, sources: Sources) -> KeyPath:
    """The key as it stands in the file: pydantic's path has steps (which part of a union) that it lacks."""
    path = prefix
    for step in fault["loc"]:
        if (*path, step) in sources.places or fault["type"] == "missing":
            path = (*path, step)
    return path


def _sentence(fault: ErrorDetails, path: KeyPath, model: type[BaseModel], sources: Sources) -> str:
    kind, value, context = fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        *above, word = fault["loc"]
        hint = suggestion(str(word), _keys(model, above))
        return "there is no such key here" + (f"; {hint}" if hint else "")
    if kind == "missing":
        return f"is missing. {_description(model, fault['loc'])}".rstrip()
    if value == "" and kind != "value_error":
        return "is empty"
    shown = "" if kind == "string_type" or _private(path, sources) else _shown(value)
    what = f"found {shown or _kind(value)}"
    if kind == "value_error":
        said = str(context["error"])
        return f"{what}: {said}" if shown else said
    if kind in ("literal_error", "enum"):
        hint = (
            suggestion(value, re.findall(r"'([^']*)'", context["expected"])) if isinstance(value, str) else ""
        )
        near = f"; {hint}" if hint.startswith("did") and shown else ""
        return f"{what}, allowed: {context['expected']}{near}"
    if kind == "string_type":
        advice = "; write it in quotes" if isinstance(value, bool | int | float) else ""
        return f"{what}, a text is needed{advice}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"{what}, a group of keys is needed"
    if kind in ("tuple_type", "list_type"):
        return f"{what}, a list is needed: [one, two]"
    if kind == "timezone_aware":
        return f"{what}: the time zone is missing; end it in Z for UTC, like 2026-06-01T00:00:00Z"
    if kind.startswith("datetime"):
        return f"{what}: a time is written like 2026-06-01T00:00:00Z"
    return f"{what}, {fault['msg'].removeprefix('Input ').removeprefix('Value ')}"


def _private(path: KeyPath, sources: Sources) -> bool:
    below_name = path[2:] if path[:1] in (("stores",), ("accounts",)) else path
    return any(path[:length] in sources.resolved for length in range(len(path) + 1)) or any(
        isinstance(step, str) and _PRIVATE_KEYS.search(step) for step in below_name
    )


def _shown(value: object) -> str:
    """A plain value as the file has it; nothing for groups and lists."""
    if value is None or isinstance(value, dict | list | tuple):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
    return f'"{text}"' if isinstance(value, str) else text


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    kinds = {int: "a number", float: "a number", str: "a text", dict: "a group of keys", list: "a list"}
    return kinds.get(type(value), "something else")


def _keys(model: Any, path: Iterable[str | int]) -> list[str]:
    """The keys that the configuration may have at a path below a model."""
    found = _at(model, list(path))
    if found is None:
        return []
    return [field.alias or name for name, field in found.model_fields.items() if name != "name"]


def _description(model: type[BaseModel], path: tuple[int | str, ...]) -> str:
    found = _at(model, list(path[:-1]))
    for name, field in (found.model_fields if found else {}).items():
        if path[-1] in (name, field.alias):
            return field.description or ""
    return ""


def _at(annotation: Any, path: list[str | int]) -> type[BaseModel] | None:
    """The model that a path leads to through fields, dictionaries, lists and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not path:
            return annotation
        fields = annotation.model_fields.items()
        below = [field.annotation for name, field in fields if path[0] in (name, field.alias)]
        return _at(below[0], path[1:]) if below else None
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _at(arguments[0], path)
    if origin in (Union, UnionType):
        return next((found for each in arguments if (found := _at(each, path))), None)
    return _at(arguments[-1] if origin is dict else arguments[0], path[1:]) if arguments and path else None
