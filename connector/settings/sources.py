"""What the configuration says, gathered: the file, the files it includes, and the environment over them.

The result is plain values with the place of each; nothing is checked yet but that it can be read.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from connector.model.errors import Problem
from connector.settings import files, yaml_tree
from connector.settings.references import (
    PREFIX,
    VARIABLE,
    Absent,
    BadReference,
    mentions,
    resolve,
    variables_in,
)
from connector.settings.yaml_tree import KeyPath, dotted

SECTIONS = ("accounts", "stores")
LARGEST_FILE = 4 * 1024**2  # a thousand stores take 1 MiB
MOST_FILES = 5_000
_PRIVATE = ("credentials", "oauth", "token", "integration_token", "webhook_secret", "metrics_token")


@dataclass
class Sources:
    """``places`` has ``file:line`` of every key; ``resolved`` the keys whose text came from elsewhere.

    ``broken`` are keys whose value could not be had, so that checking it would only repeat the complaint;
    ``incomplete`` says that a part is missing altogether. ``asked`` are the environment's variables that the
    files name; ``warnings`` are sentences. With ``secretless`` a secret or address that is not set here is
    no mistake: something of its shape stands for it, with which nothing can be reached.
    """

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, str] = field(default_factory=dict)
    resolved: set[KeyPath] = field(default_factory=set)
    broken: set[KeyPath] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    incomplete: bool = False
    asked: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    secretless: bool = False

    def place(self, path: KeyPath) -> str:
        """Where the key stands, or the nearest one above it that stands anywhere."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def problem(self, path: KeyPath, what: str) -> None:
        """Note a mistake at a key."""
        self.problems.append(Problem(self.place(path), dotted(path), what))

    def group(self, section: str) -> dict[str, Any]:
        """The accounts or stores; none where something else stands, which is noted."""
        value = self.values.get(section)
        if value is not None and not isinstance(value, dict):
            self.problem(
                (section,), f"a group is needed here: a name for each of the {section}, then its keys"
            )
        return value if isinstance(value, dict) else {}

    def absorb(self, other: Sources) -> None:
        """Take over what another file brings besides its values; a place that is known stays."""
        for path, place in other.places.items():
            self.places.setdefault(path, place)
        self.resolved |= other.resolved
        self.broken |= other.broken
        self.problems += other.problems
        self.incomplete |= other.incomplete
        self.asked |= other.asked

    def override(self, path: KeyPath, value: Any, origin: str) -> None:
        """Lay ``value`` over what is there: groups key by key, anything else in its place."""
        *above, last = path
        group: Any = self.values
        for key in above:
            group = group[key]
        if isinstance(value, dict) and isinstance(group.get(last), dict):
            for key, item in value.items():
                self.override((*path, key), item, origin)
            return
        group[last] = value
        self.places = {key: place for key, place in self.places.items() if key[: len(path)] != path}
        self.places[path] = origin
        self.broken = {key for key in self.broken if key[: len(path)] != path}
        self.resolved.add(path)


def gather(path: Path, *, secretless: bool = False) -> Sources:
    """Everything that the configuration at ``path`` says; mistakes are in ``problems``."""
    sources = _read(path, secretless)
    for section in SECTIONS:
        sources.values[section] = sources.group(section)
    variables = {name for name in os.environ if name.upper().startswith(PREFIX) and name != VARIABLE}
    overrides = _overrides(sources) if variables else {}
    if "include" in overrides:
        sources.override(("include",), overrides.pop("include"), f"{PREFIX}INCLUDE")
    for file in _included(path, sources):
        _include(sources, file)
    for name, value in overrides.items():
        sources.override((name,), value, f"{PREFIX}{name.upper()}")
    if variables:
        from connector.settings.environment import ignored

        sources.warnings += ignored(variables - sources.asked)
    return sources


def _read(path: Path, secretless: bool) -> Sources:
    """One file's values, with its references resolved."""
    sources = Sources(places={(): str(path)}, secretless=secretless)
    try:
        tree = yaml_tree.read(files.read(path, LARGEST_FILE).decode("utf-8-sig"), str(path))
    except files.TooLarge:
        sources.problem((), f"is larger than {LARGEST_FILE // 1024**2} MiB; is it the right file?")
        sources.incomplete = True
        return sources
    except OSError as error:
        sources.problem((), f"cannot be read ({error.strerror})")
        sources.incomplete = True
        return sources
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        sources.problem((), f"line {line} is not UTF-8 text")
        sources.incomplete = True
        return sources
    sources.problems += tree.problems
    sources.broken |= tree.broken
    sources.places |= {key: f"{path}:{line}" for key, line in tree.lines.items()}
    if isinstance(tree.value, dict):
        if secretless:
            tree.value.pop("page", None)  # nothing is shown to anybody
        sources.values = _resolved(tree.value, (), sources, path.parent)
    elif tree.value is not None or tree.problems:
        sources.incomplete = True
        if not tree.problems:
            sources.problem((), "a configuration begins with its keys, like accounts: and stores:")
    return sources


def _resolved(value: Any, path: KeyPath, sources: Sources, folder: Path) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(item, (*path, key), sources, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, (*path, index), sources, folder) for index, item in enumerate(value)]
    if not isinstance(value, str) or not mentions(value):
        return value
    sources.asked |= variables_in(value)
    try:
        text = resolve(value, os.environ, folder)
    except BadReference as error:
        if sources.secretless and isinstance(error, Absent) and (stand_in := _stand_in(path)):
            sources.resolved.add(path)
            return stand_in
        sources.problem(path, str(error))
        sources.broken.add(path)
        return ""
    sources.resolved.add(path)
    return text


def _stand_in(path: KeyPath) -> str:
    """A text of the shape that is needed at a key that can hold a secret or an address; empty at others."""
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    if name == "database":
        return "sqlite:///unset.db"
    if name in ("url", "base_url", "public_url"):
        return "https://unset.invalid"
    if any(step in _PRIVATE for step in path):
        return f"unset-{'x' * 32}"
    return ""


def _overrides(sources: Sources) -> dict[str, Any]:
    # Loaded where there is something to read: pydantic-settings takes 1.3 MB for as long as the daemon runs.
    from connector.settings.environment import overrides

    found, wrong = overrides()
    for name in sorted(wrong):
        shape = {"include": "a list of texts", "page": "an object"}.get(
            name, "an object whose values are objects"
        )
        sources.problems.append(Problem("environment", f"{PREFIX}{name.upper()}", f"must be JSON: {shape}"))
    return found


def _included(path: Path, sources: Sources) -> list[Path]:
    """The files that ``include`` means, each once and the main file not among them."""
    patterns = sources.values.get("include")
    found: dict[str, Path] = {}
    for index, pattern in enumerate(patterns if isinstance(patterns, list) else []):
        key = ("include", index)
        if not isinstance(pattern, str) or key in sources.broken:
            continue
        names = list(islice(_matching(pattern, path.parent), MOST_FILES + 1))
        if len(names) > MOST_FILES:
            sources.incomplete = True
            sources.problem(key, f"matches more than {MOST_FILES:,} files; name a folder of the stores' own")
            continue
        matching = [path.parent / name for name in sorted(names)]
        if glob.has_magic(pattern):
            matching = [file for file in matching if file.is_file()]
        elif not matching:
            sources.incomplete = True
            sources.problem(
                key,
                f"there is no file {path.parent / pattern}; a plain name must exist, "
                "only a pattern such as stores/*.yaml may match nothing",
            )
        for file in matching:
            found.setdefault(os.path.realpath(file), file)
    found.pop(os.path.realpath(path), None)
    return list(found.values())


def _matching(pattern: str, folder: Path) -> Iterator[str]:
    """Raises nothing: a pattern that no file can have matches none."""
    try:
        yield from glob.iglob(pattern, root_dir=folder, recursive=True)
    except (ValueError, RecursionError, re.error):
        return


def _include(sources: Sources, file: Path) -> None:
    """Put the accounts and stores of an included file beside those that are there."""
    part = _read(file, sources.secretless)
    for key in part.values:
        if key not in SECTIONS:
            hint = "; put the store's keys below stores: and its name" if key == "platform" else ""
            part.problem((key,), f"an included file brings accounts and stores only{hint}")
    for section in SECTIONS:
        for name, value in part.group(section).items():
            path = (section, name)
            if name in sources.values[section]:
                part.problem(path, f"is already in {sources.place(path)}; remove one of the two")
            else:
                sources.values[section][name] = value
    sources.absorb(part)
