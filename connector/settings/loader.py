"""Finds, reads and checks the configuration; every mistake in one pass, each with file, line and key."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr, ValidationError, create_model

from connector.model.errors import ConfigError, Problem, UsageError
from connector.model.spelling import suggestion
from connector.settings import conflicts, problems, secret_texts
from connector.settings.models import AccountSettings, Settings, StoreSettings, store_model
from connector.settings.references import VARIABLE
from connector.settings.sources import SECTIONS, Sources, gather
from connector.settings.yaml_tree import KeyPath, dotted

PLACES = (Path("connector.yaml"), Path("/etc/connector/connector.yaml"))
SQLITE = "sqlite:///"

M = TypeVar("M", bound=BaseModel)

# A store of an unknown platform: everything but what only the platform knows can be checked.
_AnyStore = create_model("AnyStore", __base__=StoreSettings, credentials=(Any, None), options=(Any, None))


@dataclass(frozen=True)
class Loaded:
    """A configuration that is good to run.

    ``secrets`` are all secret values, for redaction. ``warnings`` are sentences for the operator.
    """

    settings: Settings
    path: Path
    secrets: tuple[str, ...] = field(repr=False)
    warnings: tuple[str, ...]


def load(path: Path | None = None, *, now: datetime | None = None, secretless: bool = False) -> Loaded:
    """Read the configuration at ``path``, or where it is looked for without one.

    ``now`` (aware; default: the clock) is what ``live_from`` may not lie after. ``secretless`` is for what
    reaches nobody, where secrets need not be set: see Sources. Raises ConfigError with every mistake.
    """
    path = path or find()
    sources = gather(path, secretless=secretless)
    settings = _settings(sources, now or datetime.now(UTC))
    if sources.problems:
        raise ConfigError(sorted(sources.problems, key=_line))
    secrets = list(_secrets(settings, ()))
    password = urlsplit(settings.database).password
    values = {secret.get_secret_value() for _, secret in secrets} | {password or "", unquote(password or "")}
    return Loaded(
        settings=settings.model_copy(update={"database": _anchored(settings.database, path)}),
        path=path,
        secrets=tuple(sorted(values - {""})),
        warnings=(
            *sources.warnings,
            *_exposed([key for key, _ in secrets] + [("database",)] * bool(password), sources),
        ),
    )


def address(path: Path | None = None) -> tuple[str, int]:
    """Where the daemon listens, by a configuration that may be broken elsewhere.

    A daemon that runs on with the one before is well. Raises ConfigError when ``listen`` itself is wrong.
    """
    sources = gather(path or find())
    given = {"listen": value} if (value := sources.values.get("listen")) is not None else {}
    others, sources.problems = sources.problems, []
    settings = _checked(Settings, given, (), sources, datetime.now(UTC))
    if settings is None or ("listen",) in sources.broken:
        raise ConfigError(sorted(sources.problems or others, key=_line))
    return settings.address


def find() -> Path:
    """The configuration that is used when none is named. Raises ConfigError when there is none."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    for path in PLACES:
        if path.exists():
            return path
    tried = f"-c FILE, ${VARIABLE}, " + " and ".join(str(path) for path in PLACES)
    raise ConfigError(
        [
            Problem(
                "configuration",
                "",
                f"there is none; looked at {tried}. connector init writes one to begin with",
            )
        ]
    )


def _line(problem: Problem) -> tuple[str, int]:
    file, _, line = problem.where.partition(":")
    return file, int(line.partition(":")[0] or 0)


def _settings(sources: Sources, now: datetime) -> Settings:
    """Each account and store by itself, so that a mistake in one hides none in another."""
    single = {
        key: value for key, value in sources.values.items() if key not in SECTIONS and value is not None
    }
    _check_secrets(single.get("page"), ("page",), sources)
    settings = _checked(Settings, single, (), sources, now)
    accounts = sources.group("accounts")
    stores = sources.group("stores")
    good_accounts = {
        name: account
        for name, value in accounts.items()
        if (account := _named(AccountSettings, value, ("accounts", name), sources, now))
    }
    good_stores: dict[str, StoreSettings] = {}
    for name, value in stores.items():
        path = ("stores", name)
        model = _model_of(value, path, sources)
        store = _named(model, value, path, sources, now)
        if isinstance(value, dict):
            _check_account(value.get("account"), path, accounts, sources)
        if store and model is not _AnyStore:
            good_stores[name] = store
    for name, key, sentence in conflicts.between_accounts(good_accounts):
        sources.problem(("accounts", name, *key.split(".")), sentence)
    for name, key, sentence in conflicts.between_stores(good_stores):
        sources.problem(("stores", name, *key.split(".")), sentence)
    return (settings or Settings()).model_copy(update={"accounts": good_accounts, "stores": good_stores})


def _checked(
    model: type[M], values: dict[str, Any], path: KeyPath, sources: Sources, now: datetime
) -> M | None:
    try:
        return model.model_validate(values, context={"now": now})
    except ValidationError as error:
        problems.note(error, model, path, sources)
        return None


def _named(model: type[M], value: Any, path: KeyPath, sources: Sources, now: datetime) -> M | None:
    """An account or store with its name; a key without a value counts as not given."""
    if not isinstance(value, dict):
        sources.problem(path, "a group of keys is needed here")
        return None
    if "name" in value:
        sources.problem((*path, "name"), f"there is no such key here; the name is {path[-1]}, the key above")
    given = {key: item for key, item in value.items() if item is not None}
    _check_empty(given.get("credentials"), (*path, "credentials"), sources)
    _check_secrets(given, path, sources)
    return _checked(model, {**given, "name": path[-1]}, path, sources, now)


def _check_empty(value: Any, path: KeyPath, sources: Sources) -> None:
    """No platform has an empty key; a variable that is set to nothing is how they come about."""
    for key, item in value.items() if isinstance(value, dict) else ():
        if item == "" and (*path, key) not in sources.broken:
            sources.problem((*path, key), "is empty")
            sources.broken.add((*path, key))


def _check_secrets(group: Any, path: KeyPath, sources: Sources) -> None:
    for key, text in secret_texts.texts(group, path) if isinstance(group, dict) else ():
        if key not in sources.broken and (what := secret_texts.fault(key, text)):
            sources.problem(key, what)
            sources.broken.add(key)


def _model_of(value: Any, path: KeyPath, sources: Sources) -> type[StoreSettings]:
    platform = value.get("platform") if isinstance(value, dict) else None
    if not isinstance(platform, str) or (*path, "platform") in sources.broken:
        return _AnyStore
    try:
        return store_model(platform)
    except UsageError as error:
        sources.problem((*path, "platform"), str(error))
        return _AnyStore


def _check_account(account: Any, path: KeyPath, accounts: dict[str, Any], sources: Sources) -> None:
    key = (*path, "account")
    if sources.incomplete or key in sources.broken:
        return  # the account may well be in what could not be read
    if isinstance(account, str) and account not in accounts:
        hint = suggestion(account, accounts) or "none is configured; add it under accounts"
        sources.problem(key, f'there is no account "{account}"; {hint}')


def _anchored(database: str, path: Path) -> str:
    """A relative SQLite file counts from the configuration's folder, wherever a command is started.

    Otherwise a command that is run elsewhere would begin a new database, and take old orders for new.
    """
    file = database.removeprefix(SQLITE)
    return database if file == database else f"{SQLITE}{Path(os.path.realpath(path)).parent / file}"


def _secrets(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, SecretStr]]:
    """Every secret of the configuration with its key."""
    if isinstance(value, SecretStr):
        yield path, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _secrets(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _secrets(item, (*path, index))


def _exposed(keys: list[KeyPath], sources: Sources) -> tuple[str, ...]:
    """A warning when a file that everybody may read holds a secret itself."""
    exposed: dict[str, str] = {}
    for key in keys:
        file, _, line = sources.place(key).rpartition(":")
        shown = key if key in sources.places else tuple(step for step in key if isinstance(step, str))
        elsewhere = any(key[:length] in sources.resolved for length in range(len(key) + 1))
        if file and not elsewhere and file not in exposed and Path(file).stat().st_mode & stat.S_IROTH:
            exposed[file] = f"{file}:{line}: {dotted(shown)}"
    if not exposed:
        return ()
    first, *others = exposed.values()
    more = f" (and {len(others)} more files)" if others else ""
    return (
        f"{first} is a secret in a file that everybody on this machine may read{more}; "
        "chmod o-r the file, or take the secret from elsewhere with ${NAME} or ${file:PATH}",
    )
