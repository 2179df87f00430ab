"""``connector test``: the tests of a mapping, for the merchant's own CI."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from connector.admin import mapping_tests as runner
from connector.cli.context import as_json_option, complete_store, load, print_json
from connector.cli.tables import print_heading
from connector.daemon.registration import numbering_of
from connector.model.errors import UsageError
from connector.model.spelling import suggestion
from connector.runtime.terminal import one_line
from connector.settings import mapping_tests
from connector.settings.loader import Loaded


@click.command()
@click.argument("store", required=False, shell_complete=complete_store)
@click.option("--file", "files", multiple=True, type=click.Path(dir_okay=False, path_type=Path),
              help="Tests in another file than tests/STORE.yaml; can be given again.")  # fmt: skip
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the results as JUnit XML too.")  # fmt: skip
@as_json_option
@click.pass_obj
def test(
    config: Path | None, store: str | None, files: tuple[Path, ...], junit: Path | None, as_json: bool
) -> None:
    """Run the tests of mappings: tests/STORE.yaml, or all of tests/STORE/, beside the configuration.

    Reaches no shop, no database and not Privy; secrets need not be set.
    """
    if files and store is None:
        raise UsageError("--file needs the name of the store whose mapping is tested")
    loaded = load(config, secretless=True)
    chosen = _chosen(loaded, store, files)
    numberings = numbering_of(loaded.settings)
    results: list[runner.Result] = []
    for name, paths in chosen.items():
        bench = runner.Workbench(name, loaded.settings.stores[name], numberings[name])
        results += bench.run(mapping_tests.read(paths))
    if junit is not None:
        try:
            junit.write_bytes(runner.junit(results))
        except OSError as error:
            raise UsageError(f"--junit: {junit} cannot be written: {error.strerror}") from None
    failed = [one for one in results if not one.passed]
    if as_json:
        print_json(results)
    else:
        for one in failed:
            _show(one)
        click.echo(f"{len(results) - len(failed)} of {len(results)} tests passed.")
    sys.exit(1 if failed else 0)


def _chosen(loaded: Loaded, store: str | None, files: tuple[Path, ...]) -> dict[str, list[Path]]:
    """The files of tests by store. Raises UsageError when there are none."""
    stores = loaded.settings.stores
    if store is not None and store not in stores:
        hint = suggestion(store, stores) or "none is configured"
        raise UsageError(f"there is no store {store!r} in {loaded.path}; {hint}")
    if store is not None and files:
        return {store: list(files)}
    names = [store] if store is not None else list(stores)
    chosen = {name: paths for name in names if (paths := mapping_tests.found(loaded.path, name))}
    if not chosen:
        folder = loaded.path.parent / mapping_tests.FOLDER
        raise UsageError(
            f"there are no tests: write some in {folder}/{store or 'STORE'}.yaml (or in files of the folder "
            f"{folder}/{store or 'STORE'}), each with name, document and expect"
        )
    return chosen


def _show(one: runner.Result) -> None:
    print_heading(f"{one.where}: store {one.store}: {one.name}")
    for each in one.differences:
        click.echo(f"  {each.key}")
        click.echo(one_line(f"  - {each.expected}"))
        click.echo(one_line(f"  + {each.found}"))
