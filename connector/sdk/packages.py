"""One module of an installed package, without the rest of the package."""

from __future__ import annotations

from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def module_alone(package: str, path: str) -> ModuleType:
    """The module at ``path`` inside the package, loaded by its file: nothing else of the package is run.

    For modules that import none of their siblings, of packages that are large or do things when imported.
    """
    found = find_spec(package)
    assert found is not None
    assert found.submodule_search_locations
    file = Path(found.submodule_search_locations[0], path)
    spec = spec_from_file_location(f"{package}.{file.stem} (alone)", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
