"""The starter configuration that ``connector init`` writes, made of the shipped examples."""

from __future__ import annotations

from pathlib import Path

from connector.model.errors import UsageError
from connector.sdk import registry

EXAMPLES = (
    Path(__file__).parents[1] / "config"
)  # a link to the repository's folder; a wheel holds its content


def starter(platform: str) -> str:
    """A commented configuration with one store of ``platform``.

    Raises UsageError for a platform that is not installed or that ships no example.
    """
    registry.adapter(platform)
    store = EXAMPLES / "stores" / f"{platform}.example.yaml"
    if not store.is_file():
        raise UsageError(
            f"the platform {platform} ships no example; take that of another platform, "
            "and see connector schema for its credentials and options"
        )
    frame, _, _ = (EXAMPLES / "connector.example.yaml").read_text(encoding="utf-8").partition("\nstores:\n")
    frame = frame[: frame.rindex("\n\n") + 2]  # the comment over the stores is the example's own
    return frame + store.read_text(encoding="utf-8")


def companions(platform: str) -> dict[str, str]:
    """Texts by file name that an operator puts into the shop itself, such as what sends its webhooks."""
    files = sorted((EXAMPLES / "stores").glob(f"{platform}.*"))
    return {
        file.name: file.read_text(encoding="utf-8")
        for file in files
        if not file.name.endswith(".example.yaml")
    }
