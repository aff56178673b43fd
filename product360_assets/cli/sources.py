"""`product360 source`: onboard a source system without a line of Python, and see how it fares.

`suggest` looks at data and writes what it can know of a source's file; `validate` reads such files
and names every mistake with its line. `statistics` and `validation` say of a database's tables what
was delivered, and whether it still is what the database holds.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from product360_assets.cli.output import Format, FormatOption, answer, explained, write
from product360_assets.core.contract import SOURCES, SourceKind

if TYPE_CHECKING:
    from resources.secrets import SecretsResource

source = typer.Typer(
    name="source",
    help="Propose a source's YAML, check such files, and see how tables are replicated.",
    no_args_is_help=True,
)

_NO_NAME = re.compile(r"[^a-z0-9]+|\d{4}.*$")


@source.command()
def suggest(
    target: Annotated[
        str, typer.Argument(metavar="FILE|FOLDER|TABLE", help="Data, or schema.table.")
    ],
    connection: Annotated[
        str | None,
        typer.Option(help="TABLE is in the database whose connection has this name."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="files, saas, stream or database, if it cannot be told.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The source system's name.")] = None,
    table: Annotated[str | None, typer.Option(help="The table's name.")] = None,
) -> None:
    """Print a source's YAML, proposed from what its data looks like.

    Types, keys, order, rules and what may be personal are guesses from a sample; what a sample
    cannot know says TODO. The result is valid: write it to sources/<name>/defs.yaml and finish it.
    """
    from product360_assets.components.suggestion import Suggested, suggestion

    with explained():
        if connection is not None:
            from resources.environments import platform_resources
            from resources.local.table_profile import profile_table

            secrets = cast("SecretsResource", platform_resources()["secrets"])
            profile = profile_table(secrets.get(connection), target)
            schema, _, plain = target.rpartition(".")
            proposed = Suggested(
                _named(name or schema), _named(table or plain), "database", target, connection
            )
        else:
            from resources.local.profiling import profile_files

            profile = profile_files(Path(target))
            here, above = _names_in(Path(target).absolute())
            system = _named(name or above)
            proposed = Suggested(
                system,
                _named(table or here),
                _kind(kind or "files"),
                connection=f"{system}_api" if kind == "saas" else None,
            )
        write(suggestion(proposed, profile))


@source.command()
def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH…]", help="Files, or folders of sources; all without one."),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="How the answer is written.")
    ] = Format.table,
) -> None:
    """Name every mistake in sources' files, with its line. Exit status 1 when there is one."""
    from product360_assets.core.mistakes import mistakes, source_files
    from resources.local.expressions import columns_read

    files = []
    for path in paths or [SOURCES]:
        found = source_files(path)
        if not found:
            raise typer.BadParameter(f"{path} holds no defs.yaml", param_hint="PATH")
        files += found
    wrong = mistakes(files, columns_read)
    if form is Format.table:
        for each in wrong:
            write(f"{each.file}:{each.line}: {each.place}: {each.message}")
        write(f"{_counted(len(files), 'file')}, {_counted(len(wrong), 'mistake')}")
    else:
        rows = [(each.file, each.line, each.place, each.message) for each in wrong]
        answer(form, ("file", "line", "place", "mistake"), rows)
    if wrong:
        raise typer.Exit(1)


SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="A database's system.")]
TableOption = Annotated[str | None, typer.Option("--table", help="One table of the source.")]


@source.command()
def statistics(
    source: SourceArgument, table: TableOption = None, form: FormatOption = Format.table
) -> None:
    """Show a database's table statistics, by the names under which AWS DMS reports them."""
    from product360_assets.cli.replicated import side_by_side, statistics_of

    with explained():
        columns, rows = statistics_of(source, table)
    if form is Format.table:
        columns, rows = side_by_side(columns, rows)
    answer(form, columns, rows)


@source.command()
def validation(
    source: SourceArgument, table: TableOption = None, form: FormatOption = Format.table
) -> None:
    """Show the last validation of a database's tables. Exit status 1 when one found a difference.

    Where rows differ, `failures` is the document that tells them.
    """
    from product360_assets.cli.replicated import VALIDATION_COLUMNS, is_different, validations_of

    with explained():
        rows = validations_of(source, table)
    answer(form, VALIDATION_COLUMNS, rows)
    if any(map(is_different, rows)):
        raise typer.Exit(1)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _names_in(path: Path) -> tuple[str, str]:
    """What the table and the source are probably called, as in source/table/2017-05-01/file.csv."""
    parts = [path.name.split(".")[0], *(parent.name for parent in path.parents)]
    found = dict.fromkeys(name for part in parts if (name := _plain(part))[:1].isalpha())
    table, source, *_ = [*found, "table", "source"]
    return table, source


def _named(text: str) -> str:
    """A name of ours for what a system or a table is called elsewhere."""
    plain = _plain(text)
    return plain if plain[:1].isalpha() else f"source_{plain}".rstrip("_")


def _plain(text: str) -> str:
    """In lower case, without the dates that files carry."""
    return _NO_NAME.sub("_", text.lower()).strip("_")


def _kind(text: str) -> SourceKind:
    if text not in ("files", "saas", "stream", "database"):
        raise typer.BadParameter(f"{text!r} is no kind of source", param_hint="--kind")
    return cast("SourceKind", text)
