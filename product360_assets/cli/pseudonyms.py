"""The commands of who holds the key of hashes and tokens: its versions, and one token reversed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from product360_assets.cli.output import (
    Format,
    FormatOption,
    as_csv,
    as_json,
    as_table,
    explained,
    json_rows,
    write,
)

if TYPE_CHECKING:
    from resources.objects import LakeResource
    from resources.secrets import SecretsResource

keys = typer.Typer(help="The key of hashed and tokenised columns: its versions, never itself.")


@keys.command("list")
def list_versions(form: FormatOption = Format.table) -> None:
    """Show the versions of the key, and which one treats new rows."""
    from resources.treatment_keys import key_versions

    with explained():
        current, versions = key_versions(_secrets())
    columns = ["version", "treats"]
    rows = [
        (each, "new rows" if each == current else "nothing; reverses its tokens")
        for each in versions
    ]
    if form is Format.json:
        write(as_json(json_rows(columns, rows)))
    else:
        write(as_csv(columns, rows) if form is Format.csv else as_table(columns, rows))


@keys.command()
def rotate() -> None:
    """Make a new version of the key, or the first one; earlier ones stay."""
    from resources.treatment_keys import rotate_key

    with explained():
        version = rotate_key(_secrets())
    write(
        f"Version {version} treats new rows. Make every landing date of tables with hashed or "
        "tokenised columns clean again: until then joins between old and new rows find nothing."
    )


def reveal(
    token: Annotated[str, typer.Argument(help="As a tokenised column of clean holds it.")],
    reason: Annotated[str, typer.Option(help="Why you must know; it is recorded.")],
) -> None:
    """Show what one token stands for. Needs the key, and is recorded before it is shown."""
    from product360_assets.clean.reveal import reveal as reversed_and_recorded
    from product360_assets.cli.selection import contracts_in_force
    from resources.environments import platform_resources

    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    with explained():
        audit = cast("LakeResource", platform_resources()["lake"]).zone("clean")
        write(
            reversed_and_recorded(
                token,
                reason=reason,
                contracts=contracts_in_force().values(),
                secrets=_secrets(),
                audit=audit,
            )
        )


def _secrets() -> SecretsResource:
    from resources.environments import platform_resources

    return cast("SecretsResource", platform_resources()["secrets"])
