"""`product360 registry`: what of the sources' contracts is in force, and who changed it when.

Git is where a contract is written; here is where it comes into force. The hazard is a second
writer: every change says after which version it was decided, the latest unless `--after` says
otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, cast

import typer

from product360_assets.cli.output import Format, FormatOption, explained, write

if TYPE_CHECKING:
    from product360_assets.core.contract import SourceContract
    from resources.registry import Published, Registry, RegistryResource

registry = typer.Typer(
    name="registry",
    help="Publish the sources' contracts, compare and roll back versions, pause sources.",
    no_args_is_help=True,
)

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="A source system.")]
Why = Annotated[str, typer.Option("--why", help="The reason; whoever looks later reads it.")]
After = Annotated[
    int | None,
    typer.Option("--after", help="Refuse if another version than this one is in force by now."),
]


@registry.command()
def publish(
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE…]", help="All where none is named.")
    ] = None,
    why: Why = "",
    breaking: Annotated[
        bool, typer.Option("--breaking", help="Let breaking changes pass; needs --why.")
    ] = False,
    after: After = None,
) -> None:
    """Bring what the working copy says of sources into force, as their next versions.

    A change that would break what relies on the version in force is refused, with what to do
    instead. Exit status 1 when one was refused; sources before it are published.
    """
    from product360_assets.cli.contracts import tell_published
    from product360_assets.core.in_force import publish as publish_contract
    from resources.owners import operator

    if breaking and not why:
        raise typer.BadParameter("a breaking change needs a reason", param_hint="--why")
    with explained():
        opened = _opened()
        for contract in _declared(sources or []):
            latest = _expected(opened, contract.name, after)
            published, found = publish_contract(
                opened,
                contract,
                latest=latest,
                note=why or "published by hand",
                by=operator(),
                may_break=breaking,
            )
            if latest is not None and published.version == latest.version:
                write(f"{contract.name}: version {latest.version} says that already")
            else:
                tell_published(published, found)


@registry.command()
def show(
    source: Annotated[
        str | None, typer.Argument(metavar="[SOURCE]", help="A source; all in short without one.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--version", help="Show what this version of it says.")
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Show which versions there are, which are in force and which sources are paused.

    With --version, the contract of a source as YAML, to be pasted into its file; with --format
    json, as the document that a job gets.
    """
    from product360_assets.cli.contracts import show_all, show_contract, show_history
    from product360_assets.core.in_force import said_of

    with explained():
        opened = _opened()
        if source is None:
            show_all(opened, _declared([]), form)
        elif number is None:
            _version(opened, source, None)
            show_history(opened.versions(source), said_of(opened.switches(source)), form)
        else:
            show_contract(_version(opened, source, number), form)


@registry.command()
def diff(
    source: Source,
    before: Annotated[
        int | None, typer.Option("--from", help="A version; the one in force without it.")
    ] = None,
    after: Annotated[
        int | None, typer.Option("--to", help="A version; the working copy without it.")
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Compare two versions, or the one in force with the working copy.

    Exit status 1 when a change would break what relies on the first of them.
    """
    from product360_assets.cli.contracts import show_changes
    from product360_assets.core.compatibility import breaking, changes
    from product360_assets.core.in_force import contract_of

    with explained():
        opened = _opened()
        old = contract_of(_version(opened, source, before))
        if after is None:
            [new] = _declared([source])
        else:
            new = contract_of(_version(opened, source, after))
        found = changes(old, new)
    show_changes(found, form)
    if breaking(found):
        raise typer.Exit(1)


@registry.command()
def rollback(
    source: Source,
    to: Annotated[int, typer.Option("--to", help="The version that shall be in force again.")],
    why: Why,
    after: After = None,
) -> None:
    """Bring an earlier version into force again, as the next version; none is ever lost.

    The working copy is not touched, and is not published by itself until it says something new.
    """
    from product360_assets.cli.contracts import tell_published
    from product360_assets.core.in_force import contract_of
    from product360_assets.core.in_force import publish as publish_contract
    from resources.owners import operator

    with explained():
        opened = _opened()
        latest = _expected(opened, source, after)
        earlier = _version(opened, source, to)
        published, found = publish_contract(
            opened,
            contract_of(earlier),
            latest=latest,
            note=f"rolled back to version {to}: {why}",
            by=operator(),
            may_break=True,
        )
        tell_published(published, found)


@registry.command()
def pause(source: Source, why: Why) -> None:
    """Stop taking a source in: it is not asked, and what lands waits until it is resumed."""
    _switch(source, paused=True, why=why)
    write(f"{source} is paused; what lands waits. Go on with: product360 registry resume {source}")


@registry.command()
def resume(source: Source, why: Why = "") -> None:
    """Take a paused source in again, and what landed meanwhile."""
    _switch(source, paused=False, why=why)
    write(f"{source} is taken in again; the next run takes what waited.")


def _switch(source: str, *, paused: bool, why: str) -> None:
    from resources.owners import operator

    with explained():
        opened = _opened()
        _declared([source])
        found = opened.switches(source)
        opened.set_switch(source, paused=paused, reason=why, expected=found.version, by=operator())


def _opened() -> Registry:
    from resources.environments import platform_resources

    return cast("RegistryResource", platform_resources()["registry"]).open()


def _declared(sources: Sequence[str]) -> list[SourceContract]:
    """What the working copy says of these sources; of all, if none is named."""
    from product360_assets.core.contract import known_contracts

    known: Mapping[str, SourceContract] = known_contracts()
    for source in sources:
        if source not in known:
            raise typer.BadParameter(
                f"no source is called {source!r}; there are {', '.join(known)}", param_hint="SOURCE"
            )
    return [known[source] for source in sources or known]


def _expected(opened: Registry, source: str, after: int | None) -> Published | None:
    from resources.registry import overtaken

    latest = opened.latest(source)
    if after is not None and (latest is None or latest.version != after):
        raise overtaken(source, expected=after, latest=latest)
    return latest


def _version(opened: Registry, source: str, number: int | None) -> Published:
    """A version of a source; the one in force without a number."""
    from resources.registry import no_version

    found = opened.latest(source) if number is None else opened.version(source, number)
    if found is None:
        raise no_version(source, number, opened.versions(source))
    return found
