"""What environment variables lay over the configuration."""

from __future__ import annotations

import os
from collections.abc import Container
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from connector.sources import PREFIX, VARIABLE

_NEAR = 0.75  # so CONNECTOR_DATABASE_URL is, and what Kubernetes sets for a service of this name is not


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
    try:
        return Environment().model_dump(exclude_unset=True), set()
    except SettingsError as error:  # names the field, and its text is all that says so
        return {}, {name for name in Environment.model_fields if f'"{name}"' in str(error)}
    except ValidationError as error:
        return {}, {str(each["loc"][0]) for each in error.errors(include_input=False)}


def ignored(asked: Container[str]) -> list[str]:
    """A warning of each variable that looks like a setting and is none, nor ``asked`` for by the files."""
    settings = {name.upper() for name in Environment.model_fields} | {VARIABLE.removeprefix(PREFIX)}
    warnings = []
    for variable in sorted(os.environ):
        name = variable.upper().removeprefix(PREFIX)
        if not variable.upper().startswith(PREFIX) or name in settings or variable in asked:
            continue
        group, nested, _ = name.partition("__")
        near = get_close_matches(name, settings, n=1, cutoff=_NEAR)
        if nested and group in settings:
            hint = f"{PREFIX}{group} takes the whole group, as JSON"
        elif near:
            hint = f"did you mean {PREFIX}{near[0]}?"
        else:
            continue
        warnings.append(f"the environment's {variable} is no setting and changes nothing; {hint}")
    return warnings
