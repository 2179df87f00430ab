"""Adapters by name: those in the folder, those of other packages, and nothing imported too early."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import adapters
from connector.model.errors import UsageError
from connector.sdk import registry

ADAPTER = """
from pydantic import SecretStr
from connector.sdk.contract import Adapter, StrictModel, Traits
from adapters.woocommerce import WooCommerce  # another platform's adapter that is only imported

class Keys(StrictModel):
    key: SecretStr

class {name}(Adapter):
    Credentials = Keys
    traits = Traits(title="{name}", ids="integer", webhooks=False, history=False, verified="never")
    async def check(self): ...
    async def changed(self, read): ...
    async def fetch(self, ref): ...
    def parse(self, document): ...
    def read_webhook(self, request, secrets): ...

Alias = {name}

class Unfinished(Adapter):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules are adapters, and whose parent is where other distributions are installed."""
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setattr(adapters, "__path__", [*adapters.__path__, str(own)])
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.adapter.cache_clear()
    yield own
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    registry.adapter.cache_clear()


def install(root: Path, distribution: str, entry_points: str) -> None:
    """A distribution as an installer leaves it."""
    information = root / f"{distribution}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[privy_connector.adapters]\n{entry_points}\n")


def test_listing_the_platforms_imports_no_adapter() -> None:
    code = (
        "import sys; from connector.sdk import registry; assert 'woocommerce' in registry.platforms();"
        "print([name for name in sys.modules if name.startswith('adapters.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_module_in_the_folder_is_a_platform_of_its_name(folder: Path) -> None:
    (folder / "tinyshop.py").write_text(ADAPTER.format(name="TinyShop"))
    (folder / "other.py").write_text("raise RuntimeError('imported although nobody asked for it')")
    assert {"tinyshop", "other", "woocommerce"} <= set(registry.platforms())
    assert registry.adapter("tinyshop").__name__ == "TinyShop"


def test_a_package_in_the_folder_may_define_its_adapter_in_any_of_its_modules(folder: Path) -> None:
    (folder / "bigshop").mkdir()
    (folder / "bigshop" / "__init__.py").write_text("from adapters.bigshop.shop import BigShop")
    (folder / "bigshop" / "shop.py").write_text(ADAPTER.format(name="BigShop"))
    assert registry.adapter("bigshop").__name__ == "BigShop"


def test_a_name_that_begins_with_an_underscore_is_no_platform(folder: Path) -> None:
    (folder / "_shared.py").write_text("")
    assert "_shared" not in registry.platforms()


def test_an_entry_point_of_another_distribution_is_a_platform(folder: Path) -> None:
    (folder.parent / "foreign_shop.py").write_text(ADAPTER.format(name="ForeignShop"))
    install(folder.parent, "foreign", "foreignshop = foreign_shop:ForeignShop\nsamething = foreign_shop")
    assert "foreignshop" in registry.platforms()
    assert registry.adapter("foreignshop").__name__ == "ForeignShop"
    assert registry.adapter("samething") is registry.adapter("foreignshop")


def test_an_unknown_platform_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r'no platform "wocommerce"; did you mean "woocommerce"\?'):
        registry.adapter("wocommerce")


def test_a_platform_installed_twice_is_refused_with_both_origins(folder: Path) -> None:
    (folder / "tinyshop.py").write_text(ADAPTER.format(name="TinyShop"))
    install(folder.parent, "rival", "tinyshop = rival:Shop")
    with pytest.raises(UsageError, match=r"more than once \(adapters.tinyshop, rival:Shop of rival\)"):
        registry.adapter("tinyshop")


def test_a_broken_import_and_a_missing_class_name_the_platform_and_its_origin(folder: Path) -> None:
    (folder / "broken.py").write_text("import no_such_module_anywhere")
    with pytest.raises(UsageError, match=r"broken.*adapters.broken.*no_such_module_anywhere"):
        registry.adapter("broken")
    (folder.parent / "hollow_shop.py").write_text("")
    install(folder.parent, "hollow", "hollow = hollow_shop:Shop")
    with pytest.raises(UsageError, match=r"hollow.*hollow_shop:Shop of hollow"):
        registry.adapter("hollow")


@pytest.mark.parametrize(
    ("code", "count"),
    [("", "none"), (ADAPTER.format(name="One") + ADAPTER.format(name="Two"), "2")],
    ids=["empty", "two"],
)
def test_a_module_must_bring_exactly_one_concrete_adapter(folder: Path, code: str, count: str) -> None:
    (folder / "odd.py").write_text(code)
    with pytest.raises(UsageError, match=f"exactly one concrete Adapter, but adapters.odd brings {count}"):
        registry.adapter("odd")


def test_an_entry_point_that_is_no_adapter_is_refused(folder: Path) -> None:
    install(folder.parent, "jokers", "joker = json:JSONDecoder")
    with pytest.raises(UsageError, match="brings none"):
        registry.adapter("joker")
