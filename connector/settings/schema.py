"""The configuration's JSON Schema, for editors: with each installed platform's credentials and options."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from connector.sdk import registry
from connector.settings.models import NAME, Settings, StoreSettings, store_model

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_REFERENCE = {"type": "string", "pattern": r"\$\{", "description": "Taken from the environment or a file."}
_ANNOTATIONS = ("title", "description", "default", "examples")
_PLAIN = ("default", "examples", "enum", "const", "required")


def schema() -> dict[str, Any]:
    """The schema of the whole file; an included file, which has accounts and stores only, fits it too.

    Raises UsageError when an installed adapter cannot be imported.
    """
    platforms = registry.platforms()
    stores = {platform: store_model(platform) for platform in platforms}
    models: list[type[BaseModel]] = [Settings, *stores.values()]
    references, body = models_json_schema([(model, "validation") for model in models])
    definitions: dict[str, Any] = {name: _open(each) for name, each in body["$defs"].items()}
    for platform, model in stores.items():
        name = references[(model, "validation")]["$ref"].rpartition("/")[2]
        definitions[name]["properties"]["platform"] = {"const": platform}
    top = definitions.pop("Settings")
    for name in ("StoreSettings", "BaseModel"):  # what a store is without its platform
        definitions.pop(name)
    top["properties"]["stores"]["additionalProperties"] = {
        "type": "object",
        "required": ["platform"],
        "properties": {
            "platform": {
                "enum": list(platforms),
                "description": StoreSettings.model_fields["platform"].description,
            }
        },
        "allOf": [
            {
                "if": {"required": ["platform"], "properties": {"platform": {"const": platform}}},
                "then": references[(model, "validation")],
            }
            for platform, model in stores.items()
        ],
    }
    for section in ("accounts", "stores"):
        top["properties"][section]["propertyNames"] = {"pattern": NAME}
    return {"$schema": DIALECT, **top, "title": "privy-connector", "$defs": definitions}


def _open(node: Any) -> Any:
    """Where a number, a duration or a word of a list is wanted, a ``${…}`` may stand as well."""
    if isinstance(node, list):
        return [_open(item) for item in node]
    if not isinstance(node, dict):
        return node
    opened = {key: value if key in _PLAIN else _open(value) for key, value in node.items()}
    kind = opened.get("type")
    limited = kind in ("integer", "number", "boolean") or {"enum", "pattern"} & opened.keys()
    if not isinstance(kind, str) or not limited:
        return opened
    notes = {key: opened.pop(key) for key in _ANNOTATIONS if key in opened}
    return {**notes, "anyOf": [opened, _REFERENCE]}
