"""What environment variables lay over the configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from connector.model.spelling import nearest
from connector.settings.references import PREFIX, VARIABLE

_NEAR = 0.75  # so CONNECTOR_DATABASE_URL is, and what Kubernetes sets for a service of this name is not
MOST_OPENED = 40  # levels, as in a file
_BRACKET = re.compile(r"[\[\]{}]")


class Environment(BaseSettings):
    """Each top-level setting can be overridden, groups as JSON that is merged into what the files say."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, hide_input_in_errors=True)

    database: str | None = None
    listen: str | None = None
    public_url: str | None = None
    page: dict[str, Any] | None = None
    retention: str | None = None
    include: list[str] | None = None
    accounts: dict[str, dict[str, Any]] | None = None
    stores: dict[str, dict[str, Any]] | None = None


def overrides() -> tuple[dict[str, Any], set[str]]:
    """What the environment says, and which settings have another shape there; then nothing is taken of it."""
    if deep := {name for name in Environment.model_fields if _opened(name) > MOST_OPENED}:
        return {}, deep
    try:
        return Environment().model_dump(exclude_unset=True), set()
    except SettingsError as error:  # names the field, and its text is all that says so
        return {}, {name for name in Environment.model_fields if f'"{name}"' in str(error)}
    except ValidationError as error:
        return {}, {str(each["loc"][0]) for each in error.errors(include_input=False)}


def _opened(name: str) -> int:
    """How deep the JSON of a setting is at most: the decoder, and whoever walks it, calls itself as often."""
    text = next((text for key, text in os.environ.items() if key.upper() == f"{PREFIX}{name.upper()}"), "")
    depth = deepest = 0
    for bracket in _BRACKET.findall(text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def ignored(variables: Iterable[str]) -> list[str]:
    """A warning of each of these variables that looks like a setting and is none."""
    settings = {f"{PREFIX}{name.upper()}" for name in Environment.model_fields}
    words = {setting.removeprefix(PREFIX) for setting in (*settings, VARIABLE)}
    warnings = []
    for variable in sorted(variables):
        group, nested, _ = variable.upper().partition("__")
        near = nearest(variable.upper().removeprefix(PREFIX), words, cutoff=_NEAR)
        if nested and group in settings:
            hint = f"{group} takes the whole group, as JSON"
        elif near and variable.upper() not in settings:
            hint = f"did you mean {PREFIX}{near}?"
        else:
            continue
        warnings.append(f"the environment's {variable} is no setting and changes nothing; {hint}")
    return warnings
