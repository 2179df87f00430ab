"""YAML text to plain values that remember their lines; every mistake is collected, none ends the reading.

Booleans, numbers and null are those of YAML 1.2's core schema (without ``.nan``), so ``NO``, ``on``, ``yes``,
``12:30`` and dates stay text. Keys are always text; one that stands twice is a mistake. Aliases and merge
keys (``<<``) are taken, as stores like to share a mapping; what they expand to is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import yaml

from connector.model.errors import Problem

MOST_VALUES = 500_000  # in one file, aliases expanded; a thousand stores need about 30,000
DEEPEST = 40

KeyPath = tuple[str | int, ...]

_CORE = "tag:yaml.org,2002:"
_RESOLVERS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
)


# What means something to YAML within braces; characters of the private use area stand for it meanwhile.
_PUNCTUATION = "{}[],:#&*!|>%@`"
_VEIL = {ord(sign): 0xF100 + index for index, sign in enumerate(_PUNCTUATION)}
_UNVEIL = {veil: sign for sign, veil in _VEIL.items()}
_REFERENCE = re.compile(r"\$\{(?:[^{}\"'\n]|\$\{[^{}\n]*\})*\}")


class CoreLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml is optional
    """PyYAML's parser with YAML 1.2's core schema."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


for _name, _pattern, _first in _RESOLVERS:
    CoreLoader.add_implicit_resolver(_CORE + _name, re.compile(rf"(?:{_pattern})\Z"), _first)


@dataclass
class Tree:
    """The values of one file. ``lines`` has the line of each key and item, ``broken`` what has no value."""

    file: str
    value: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    broken: set[KeyPath] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def dotted(path: KeyPath) -> str:
    """The path as messages show it: ``stores.acme.webhook_secret[1]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def read(text: str, file: str) -> Tree:
    """The one YAML document in ``text``; ``file`` is how messages call it."""
    tree = Tree(file)
    try:
        veiled = _veiled(text)
        _refuse_depth(veiled)
        node = yaml.compose(veiled, Loader=CoreLoader)
        if node is not None:
            tree.value = _Builder(tree).value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        said = ": ".join(part for part in (error.context, error.problem) if part)
        tree.problems.append(Problem(where, "", f"this is not YAML: {_without_names(said)}"))
    except yaml.reader.ReaderError:
        tree.problems.append(Problem(file, "", "this is not YAML: it holds a control character"))
    except (_TooMuch, RecursionError):
        tree.problems.append(
            Problem(
                file,
                "",
                f"this is more than {MOST_VALUES:,} values or deeper than {DEEPEST} levels, once its aliases "
                "are put in; does an alias contain itself?",
            )
        )
    return tree


def _refuse_depth(text: str) -> None:
    """Raises _TooMuch for what is nested too deep: libyaml's composer calls itself, until the stack ends.

    Its parser does not. It is stopped at the first level too many, so that this stays linear.
    """
    depth = 0
    for event in yaml.parse(text, Loader=CoreLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST + 1:
                raise _TooMuch
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _without_names(said: str) -> str:
    """An unquoted password that begins with ``*`` or ``!`` must not come back as the name of an alias."""
    return re.sub(r"(alias|handle|tag|anchor) [\"'].*?[\"']", r"\1", said, flags=re.DOTALL)


class _TooMuch(Exception):
    """What the file expands to is out of all proportion."""


class _Builder:
    """Walks the nodes of one file; notes lines and mistakes in its tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.left = MOST_VALUES

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._count(path)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                self.tree.lines[(*path, index)] = _line(item)
                items.append(self.value(item, (*path, index)))
            return items
        try:
            return _scalar(node)
        except ValueError as error:
            self._problem(node, path, str(error))
            self.tree.broken.add(path)
            return None

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value, merged in self._pairs(node, path):
            below = (*path, key.value)
            if key.value not in result:
                self.tree.lines[below] = _line(key)
                result[key.value] = self.value(value, below)
            elif not merged:
                first = self.tree.lines[below]
                self._problem(
                    key, below, f"stands here again; it is already in line {first}. Keep one of them"
                )
        return result

    def _pairs(
        self, node: yaml.MappingNode, path: KeyPath, merged: bool = False
    ) -> Iterator[tuple[yaml.ScalarNode, yaml.Node, bool]]:
        """A mapping's own keys, then those it merges in, nearest first; the flag marks the latter."""
        sources: list[yaml.Node] = []
        for key, value in node.value:
            self._count(path)
            if key.tag == f"{_CORE}merge":
                sources += value.value if isinstance(value, yaml.SequenceNode) else [value]
            elif isinstance(key, yaml.ScalarNode):
                key.value = _unveiled(key.value)
                yield key, value, merged
            else:
                self._problem(key, path, "a key must be a text; write it in quotes if it begins with { or [")
        for source in sources:
            if isinstance(source, yaml.MappingNode):
                yield from self._pairs(source, path, merged=True)
            else:
                self._problem(source, path, "<< takes a mapping or a list of mappings")

    def _count(self, path: KeyPath) -> None:
        self.left -= 1
        if self.left < 0 or len(path) > DEEPEST:
            raise _TooMuch

    def _problem(self, node: yaml.Node, path: KeyPath, what: str) -> None:
        self.tree.problems.append(Problem(f"{self.tree.file}:{_line(node)}", dotted(path), what))


def _veiled(text: str) -> str:
    """The text with the punctuation inside of ``${…}`` out of the parser's sight, at unchanged places.

    ``{key: ${NAME}}`` is no YAML: within braces and brackets a brace ends a plain text. Yet it is what
    everybody writes.
    """
    return _REFERENCE.sub(lambda match: match[0].translate(_VEIL), text)


def _unveiled(text: str) -> str:
    return text.translate(_UNVEIL)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _scalar(node: yaml.Node) -> str | int | float | bool | None:
    text = str(node.value)
    match node.tag.removeprefix(_CORE):
        case "str" | "merge":
            return _unveiled(text)
        case "null":
            return None
        case "bool" if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case "int" | "float" as kind:
            try:
                return _integer(text) if kind == "int" else float(text.lower().replace(".inf", "inf"))
            except ValueError:  # its own words would repeat the text
                raise ValueError("a number that cannot be read; write it in quotes if it is a text") from None
    raise ValueError("a tag (!…) that a configuration does not know; write the text in quotes")


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)  # refuses more than 4300 digits
