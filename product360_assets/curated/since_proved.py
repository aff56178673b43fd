"""What was published in a table since a claim about it was proved.

A claim that held of a state holds of the next one too if it holds of what changed, for claims whose
rows do not answer for each other. So such a claim is asked of the files that hold the changes and
of the batches that came, and its price follows the day and not history.

The hazard is a change that no batch explains: an erasure, a rollback, a batch made clean again, a
load that takes everything back. Then nobody can tell what a proof about clean rows is still worth,
and everything is asked. What is claimed of the table alone its own files can tell, also where no
batch is named; where a table was made whole, all is what changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from product360_assets.curated.claims import Claim
from product360_assets.curated.commits import listed_batches
from product360_assets.curated.pending import Input
from product360_assets.curated.proofs import Evidence, Proof
from product360_assets.curated.taken_in import Batches, relation_of
from resources.catalog import CatalogResource
from resources.changed_files import ChangedFiles, changed_files, files_of_their_days
from resources.ledger import Ledger
from resources.maintenance import CONTENT_SNAPSHOT, content_snapshot, is_silent
from spark.tables import Table


@dataclass(frozen=True)
class Change:
    """The files that hold what changed in a table, and the clean batches that changed it.

    `near` are the files of the table in which keys of these can be.
    """

    files: ChangedFiles
    near: tuple[str, ...]
    batches: Batches


@dataclass(frozen=True)
class Asked:
    """A claim about a table that holds as far as a proof goes.

    Attributes:
        claim: what is claimed.
        table: of what.
        snapshot: the state that it is asked of; None for the published one.
        batches: those that this state has taken in.
        proof: that the claim held of an earlier one.
    """

    claim: Claim
    table: Table
    snapshot: int | None
    batches: Batches
    proof: Proof


def change_since_proved(asked: Asked, catalog: CatalogResource, ledger: Ledger) -> Change | None:
    """What was published since the proof; None where that is not all that can have changed."""
    identifier = asked.table.identifier
    published = _published_since(asked, catalog)
    if published is None:
        return None
    before, now, new = published
    earlier = {
        relation: {each: place for each, place in found.items() if each not in new}
        for relation, found in asked.batches.items()
    }
    evidence = Evidence(catalog, {identifier: int(asked.proof.snapshot)})
    known = chain.from_iterable(found.values() for found in earlier.values())
    if evidence.of(asked.claim.sql, known) != asked.proof.evidence:
        return None
    if any(_loads_anew(each, earlier, new, ledger) for each in asked.claim.clean):
        return None
    files = changed_files(catalog, identifier, before, now)
    if files is None or (not new and len(files.added) == _files(catalog, identifier, now)):
        return None
    told = {
        relation_of(each): set(_told(each, new, asked.batches, ledger))
        for each in asked.claim.clean
    }
    batches = {
        relation: {each: place for each, place in found.items() if each in told[relation]}
        for relation, found in asked.batches.items()
    }
    table = asked.table
    in_key = [each for each in table.partition_columns if each in table.key]
    days = [each for each in in_key if table.column(each).type == "date"]
    near = files_of_their_days(catalog, identifier, before, now, days)
    return Change(files, near, batches)


def _published_since(
    asked: Asked, catalog: CatalogResource
) -> tuple[int, int, frozenset[str]] | None:
    """The state that was proved, the one that is asked of, and the batches taken in between."""
    summaries = catalog.snapshot_summaries(asked.table.identifier, at=asked.snapshot)
    new: set[str] = set()
    for summary in summaries:
        if content_snapshot(summary) == asked.proof.snapshot:
            before, now = (int(each["snapshot-id"]) for each in (summary, summaries[0]))
            return before, now, frozenset(new)
        if CONTENT_SNAPSHOT in summary or is_silent(summary):
            continue  # upkeep changes no row
        batches = listed_batches(summary)
        if batches is None and asked.claim.clean:
            return None
        new |= batches or frozenset()
    return None


def _files(catalog: CatalogResource, identifier: str, snapshot: int) -> int:
    """How many data files a state has."""
    summaries = catalog.snapshot_summaries(identifier, at=snapshot)
    return int(summaries[0].get("total-data-files", "-1")) if summaries else -1


def _loads_anew(each: Input, earlier: Batches, new: Iterable[str], ledger: Ledger) -> bool:
    """Whether a new batch is of a later load than all before: it takes back what it lacks."""
    epochs = {batch.batch_id: batch.epoch for batch in ledger.batches(each.source, each.table)}
    before = max((epochs[known] for known in earlier[relation_of(each)]), default="")
    return any(epochs[batch] > before for batch in new if batch in epochs)


def _told(each: Input, new: frozenset[str], batches: Batches, ledger: Ledger) -> Iterator[str]:
    """The batches of an input that are new, and all of their days where a day is one statement."""
    known = [
        batch
        for batch in ledger.batches(each.source, each.table)
        if batch.batch_id in batches[relation_of(each)]
    ]
    days = {batch.landing_date for batch in known if batch.batch_id in new}
    for batch in known:
        if batch.batch_id in new or (each.whole_days and batch.landing_date in days):
            yield batch.batch_id
