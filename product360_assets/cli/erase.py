"""`product360 erase`: a subject's request to be forgotten, planned, carried out and proven.

    product360 erase customer 1228             what would be done
    product360 erase customer 1228 --apply     does it; again, it goes on where it stopped

The hazard is the shell's history, which keeps the key: `-` reads it from standard input.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from product360_assets.cli.output import (
    Format,
    FormatOption,
    answer,
    as_json,
    explained,
    told,
    write,
)

if TYPE_CHECKING:
    from product360_assets.governance.erasure import Eraser


def erase(
    kind: Annotated[str, typer.Argument(metavar="SUBJECT_KIND", help="Such as customer.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The subject's key; - for stdin.")],
    apply: Annotated[
        bool, typer.Option("--apply/--dry-run", help="Do it; otherwise only say what would be.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Remove or anonymise a subject everywhere but in landing and raw, and prove it.

    Exit status 1 when anything of the subject is found afterwards.
    """
    from product360_assets.governance.search import SHORTEST, can_be_searched
    from product360_assets.governance.subjects import COLUMNS

    with explained():
        eraser = _eraser(kind, key if key != "-" else typer.get_text_stream("stdin").read())
        if not apply:
            answer(form, COLUMNS, [place.row for place in eraser.find()])
            told("Nothing was done. Landing and raw keep what was delivered; see docs/erasure.md.")
            return
        proof = eraser.erase()
    if form is Format.json:
        write(as_json(proof.document))
    else:
        rows = [(name, len(value)) for name, value in proof.document.items() if _is_many(value)]
        answer(form, ("what", "count"), rows)
    told(f"Proof: clean/{proof.key}")
    if (rebuilt := _rebuilt()) is not None:
        told(f"{rebuilt} is not searched: what a rebuild kept there is yours to remove.")
    if not can_be_searched(eraser.key):
        told(f"A key under {SHORTEST} characters was searched for in its declared columns only.")
    if not proof.is_clean:
        told("Something of the subject was found afterwards: look into the proof, and ask again.")
        raise typer.Exit(1)


def _is_many(value: object) -> bool:
    return isinstance(value, list | dict)


def _eraser(kind: str, key: str) -> Eraser:
    from product360_assets.cli.selection import contracts_in_force
    from product360_assets.governance.erasure import Eraser
    from resources.environments import platform_resources

    contracts = contracts_in_force()
    kinds = sorted({each for one in contracts.values() for t in one.tables for each in t.subjects})
    if kind not in kinds or not key.strip():
        raise typer.BadParameter(f"expected a kind ({', '.join(kinds)}) and a key")
    resources: Mapping[str, Any] = platform_resources()
    return Eraser(
        kind,
        key.strip(),
        contracts,
        ledger=resources["ledger"].open(),
        lake=resources["lake"],
        catalog=resources["catalog"],
        secrets=resources["secrets"],
        code_version=resources["runner"].code_version(),
        beside=_beside(),
        rerun=_rerun,
        log=told,
    )


def _beside() -> list[Path]:
    """What this machine keeps beside the lake; Dagster's own database is among it."""
    from product360_assets.cli.surroundings import adopt_instance
    from resources.environments import settings

    home, instance = settings().home, adopt_instance()
    logs = [home / name for name in ("logs", "events")]
    # SQLite keeps what was written last in a log beside the database.
    return [path for path in (*home.glob("*.db*"), *logs, instance) if path.exists()]


def _rebuilt() -> Path | None:
    """The folder of homes that `product360 rebuild` kept, if there are any."""
    from resources.environments import settings

    kept = settings().home / "rebuilt"
    return kept if kept.is_dir() and any(kept.iterdir()) else None


def _rerun(batches: Mapping[str, set[Any]]) -> None:
    import dagster as dg

    from product360_assets.automation.replay import run_again
    from product360_assets.cli.surroundings import adopt_instance

    adopt_instance().mkdir(parents=True, exist_ok=True)
    with dg.DagsterInstance.get() as instance:
        run_again(batches, instance, told)
