"""How contracts, their versions and what differs between them are written for a reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from product360_assets.cli.output import Format, answer, as_json, write
from product360_assets.core.in_force import contract_of, document_of, said_of
from resources.registry import document_digest

if TYPE_CHECKING:
    from product360_assets.core.compatibility import Change
    from product360_assets.core.contract import SourceContract
    from resources.registry import Published, Registry

_ALL = ("source", "version", "published", "by", "note", "working copy", "switched")
_HISTORY = ("version", "published", "by", "note", "digest")
_CHANGES = ("table", "part", "attribute", "before", "after", "breaks")


def show_all(registry: Registry, declared: Iterable[SourceContract], form: Format) -> None:
    """One line for each source: what is in force, and whether the working copy says the same."""
    rows = []
    for contract in declared:
        known = registry.versions(contract.name)
        switched = said_of(registry.switches(contract.name))
        working_copy = _compared(contract, known)
        last = known[-1] if known else None
        published = (
            (last.version, last.published_at, last.published_by, last.note) if last else (None,) * 4
        )
        rows.append((contract.name, *published, working_copy, switched))
    answer(form, _ALL, rows)


def show_history(known: Sequence[Published], switched: str, form: Format) -> None:
    """Every version of a source; the last line is in force."""
    rows = [
        (each.version, each.published_at, each.published_by, each.note, each.digest)
        for each in known
    ]
    answer(form, _HISTORY, rows)
    if switched and form is Format.table:
        write(f"\nThe source is {switched}")


def show_contract(published: Published, form: Format) -> None:
    """A contract: as YAML for its file, or as the JSON document that it is."""
    import yaml

    if form is Format.json:
        write(as_json(published.document))
        return
    # In the order in which a reader writes them, which JSON has lost.
    attributes = document_of(contract_of(published))
    text = yaml.safe_dump(
        {"type": "product360_assets.components.SourceSystem", "attributes": attributes},
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )
    write(text.rstrip())


def show_changes(found: Sequence[Change], form: Format) -> None:
    """What differs, change by change; empty cells are the table or the source as a whole."""
    rows = [
        (each.table, each.part, each.attribute, each.before, each.after, each.breaks)
        for each in found
    ]
    if rows or form is not Format.table:
        answer(form, _CHANGES, rows)
    else:
        write("Nothing differs.")


def tell_published(published: Published, found: Sequence[Change]) -> None:
    """What came into force."""
    write(f"{published.source}: version {published.version} is in force ({published.note})")
    for change in found:
        write(f"  {change}{f' (breaking: {change.breaks})' if change.breaks else ''}")


def _compared(contract: SourceContract, known: Sequence[Published]) -> str:
    digest = document_digest(document_of(contract))
    said = [each.version for each in known if each.digest == digest]
    if not known:
        return "was never published"
    if known[-1].version in said:
        return "says the same"
    return f"says what version {said[-1]} said" if said else "says something new"
