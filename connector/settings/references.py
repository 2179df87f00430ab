"""``${NAME}``, ``${NAME:-default}`` and ``${file:PATH}`` in a configuration; ``$${`` is a plain ``${``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from connector.settings import files

PREFIX = "CONNECTOR_"
VARIABLE = f"{PREFIX}CONFIG"  # where the configuration is, which is no setting of it
LARGEST_FILE = 64 * 1024

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = re.compile(
    r"(?P<escaped>\$\$\{)"
    rf"|\$\{{file:(?P<path>(?:[^{{}}]|\$\{{{_NAME}\}})+)\}}"
    rf"|\$\{{(?P<name>{_NAME})(?P<default>:-[^{{}}]*)?\}}"
    r"|(?P<broken>\$\{)"
)
_IN_PATH = re.compile(rf"\$(?:\{{(?P<braced>{_NAME})\}}|(?P<bare>{_NAME}))")


class BadReference(ValueError):
    """A reference that leads nowhere; the text says what is missing and never what was found elsewhere."""


class Absent(BadReference):
    """A variable that is not set, or a file that cannot be read."""


def mentions(text: str) -> bool:
    """Whether the text holds a reference or an escaped one."""
    return "${" in text


def variables_in(text: str) -> set[str]:
    """The environment variables that the text asks for."""
    found = list(_REFERENCE.finditer(text))
    in_paths = [pair for match in found for pair in _IN_PATH.findall(match["path"] or "")]
    return {match["name"] for match in found if match["name"]} | {braced or bare for braced, bare in in_paths}


def resolve(text: str, environment: Mapping[str, str], folder: Path) -> str:
    """The text with every reference replaced; relative files count from ``folder``. Raises BadReference.

    As in a shell, the default also stands in for a variable that is set but empty.
    """

    def replacement(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "${"
        if match["path"]:
            return _contents(folder / _path(match["path"], environment))
        if match["broken"]:
            raise BadReference(
                "a ${ that is no ${NAME}, ${NAME:-default} or ${file:PATH}; "
                "write $${ where the text itself is meant"
            )
        if match["default"] is not None:
            return environment.get(match["name"]) or match["default"][2:]
        return _variable(match["name"], environment)

    return _REFERENCE.sub(replacement, text)


def _path(text: str, environment: Mapping[str, str]) -> str:
    return _IN_PATH.sub(lambda match: _variable(match["braced"] or match["bare"], environment), text)


def _variable(name: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        raise Absent(
            f"the environment variable {name} is not set; set it, or give a default with ${{{name}:-default}}"
        )
    return environment[name]


def _contents(path: Path) -> str:
    """The file's text without the line break that editors and ``echo`` put at its end."""
    try:
        text = files.read(path, LARGEST_FILE).decode()
    except files.TooLarge:
        raise BadReference(
            f"the file {path} is larger than {LARGEST_FILE // 1024} KiB; is it the right one?"
        ) from None
    except OSError as error:
        raise Absent(f"the file {path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise BadReference(f"the file {path} is not UTF-8 text") from None
    return text.rstrip("\r\n")
