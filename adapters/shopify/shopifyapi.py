"""The three modules of the package shopifyapi that are sound, without the rest of it.

``import shopify`` runs 128 modules for 2.5 MB and 60 ms, and brings a REST client with global state that
nothing here may use. The check of domains, the algebra of scopes and the versions stand in files of their
own, which need none of that.
"""

from __future__ import annotations

from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def _alone(path: str) -> ModuleType:
    """A module of the package by its file, loaded without the package itself."""
    package = find_spec("shopify")
    assert package is not None
    assert package.submodule_search_locations
    spec = spec_from_file_location(
        f"shopifyapi.{Path(path).stem}", Path(package.submodule_search_locations[0], path)
    )
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_access = _alone("api_access.py")
ApiAccess = _access.ApiAccess
ApiAccessError: type[Exception] = _access.ApiAccessError
Release = _alone("api_version.py").Release
sanitize_shop_domain = _alone("utils/shop_url.py").sanitize_shop_domain
