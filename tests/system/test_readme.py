"""The README and the documentation tell the truth about files, commands and dependencies."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from connector.cli.main import COMMANDS, connector
from connector.cli.platforms import cells
from connector.sdk import registry

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [
    ROOT / name
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "adapters/README.md")
]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
DOCS = "\n".join(page.read_text() for page in PAGES)
PROMISED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", DOCS)


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:tests|config|adapters|connector)/[\w./-]+)`", DOCS)))
)
def test_every_file_that_it_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("path", "name"), PROMISED)
def test_every_test_that_holds_a_promise_exists(path: str, name: str) -> None:
    assert re.search(
        rf"^((async )?def {name}\(|class {name}\b|{name} = )", (ROOT / path).read_text(), re.MULTILINE
    )


def test_the_index_of_promises_is_read() -> None:
    assert len(PROMISED) > 40


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_stands_in_it_and_can_be_loaded(command: str) -> None:
    assert re.search(rf"`{command}\b", DOCS)
    loaded = connector.get_command(click.Context(connector), command)
    assert loaded is not None
    assert loaded.name == command
    assert loaded.help


@pytest.mark.parametrize("platform", registry.platforms())
def test_the_table_of_platforms_says_what_the_adapters_say(platform: str) -> None:
    title, *rest = cells(platform)
    assert f"| {title} (`{platform}`) | {' | '.join(rest)} |" in README


def test_every_dependency_earns_its_place_in_the_table() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for dependency in project["dependencies"]:
        name = re.split(r"[^A-Za-z0-9-]", dependency)[0]
        assert re.search(rf"^\|[^|]*\b{name}\b", DOCS, re.MULTILINE | re.IGNORECASE), name


def test_the_readme_is_one_screen_of_what_it_is() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
