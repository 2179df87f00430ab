"""Platform name to adapter class: the engine's only way to adapters, by name.

A platform is a module or package in ``adapters/`` (the file name is the platform) or an entry point of
the group ``privy_connector.adapters`` in somebody else's distribution. Listing names imports none of them.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import adapters
from connector.model.errors import UsageError
from connector.model.spelling import suggestion
from connector.runtime.interrupts import EndsAtOnce
from connector.sdk.contract import Adapter

GROUP = "privy_connector.adapters"

AnyAdapter = type[Adapter[Any, Any]]
Place = str | EntryPoint  # a module of ``adapters`` by name, or somebody else's


def platforms() -> tuple[str, ...]:
    """The names of every platform that is installed, sorted."""
    return tuple(sorted({*_own(), *(entry.name for entry in entry_points(group=GROUP))}))


@cache
def adapter(platform: str) -> AnyAdapter:
    """The adapter of a platform; imports that one only.

    Raises UsageError when there is none of that name, two of that name, or it is not a usable adapter.
    """
    places: list[Place] = [platform] if platform in _own() else []
    places += entry_points(group=GROUP, name=platform)
    if not places:
        raise UsageError(f'there is no platform "{platform}"; {suggestion(platform, platforms())}')
    if len(places) > 1:
        origins = ", ".join(_origin(place) for place in places)
        raise UsageError(
            f'the platform "{platform}" is installed more than once ({origins}); uninstall all but one'
        )
    return _load(platform, places[0])


def _own() -> list[str]:
    return [module.name for module in iter_modules(adapters.__path__) if not module.name.startswith("_")]


def _origin(place: Place) -> str:
    if isinstance(place, str):
        return f"adapters.{place}"
    return f"{place.value} of {place.dist.name if place.dist else 'an unnamed distribution'}"


def _load(platform: str, place: Place) -> AnyAdapter:
    try:
        with EndsAtOnce():
            found = import_module(f"adapters.{place}") if isinstance(place, str) else place.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f'the adapter of the platform "{platform}" ({_origin(place)}) cannot be imported: {error}'
        ) from error
    classes = _adapters_of(found) if isinstance(found, ModuleType) else [found]
    if len(classes) != 1 or not _usable(classes[0]):
        raise UsageError(
            f'the platform "{platform}" must bring exactly one concrete Adapter, '
            f"but {_origin(place)} brings {len([c for c in classes if _usable(c)]) or 'none'}"
        )
    usable: AnyAdapter = classes[0]
    return usable


def _adapters_of(module: ModuleType) -> list[Any]:
    """Adapters that the module or package itself defines; those it imports from elsewhere do not count."""
    inside = (module.__name__, f"{module.__name__}.")
    return [
        value
        for value in dict.fromkeys(each for each in vars(module).values() if _usable(each))
        if value.__module__ == inside[0] or value.__module__.startswith(inside[1])
    ]


def _usable(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Adapter) and not isabstract(value)
