"""Rebuild to verify: clean and curated are made again from raw, beside the live ones, and compared.

Raw is all that was delivered, so whatever stands behind it must come out of it again, whichever way
it was reached: by how many commits, in which order, with which deaths in between. What is compared
are digests of all rows, without the columns that tell of batches and runs.

The hazard is to touch what is live. The rebuild has a home, a ledger, a catalog and a Dagster
instance of its own; of the live ones it reads and links.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import dagster as dg

from product360_assets.automation.jobs import PUBLISH, accept_name
from product360_assets.automation.refresh import COMPOSITION, Refresh
from product360_assets.core.contract import known_contracts
from product360_assets.core.erasures import FOLDER as ERASURES
from product360_assets.core.keys import clean_key, published_key
from product360_assets.core.partitions import register_landing_dates, run_tags
from product360_assets.core.states import CLEAN, RAW, RELEASED
from product360_assets.curated.taken_in import clean_files
from resources.digests import files_digest
from resources.environments import platform_resources
from resources.errors import JobFailed
from spark.tables import TABLES

if TYPE_CHECKING:
    from resources.catalog import CatalogResource
    from resources.ledger import LedgerResource
    from resources.objects import LakeResource

# What a rebuild starts from: what was accepted, and what people corrected since.
GIVEN = (RAW, RELEASED)
# And who was erased, or they would come out of raw again.
GIVEN_FOLDERS = (f"{CLEAN}/{ERASURES}",)
COMPARED_COLUMNS = ("table", "live", "rebuilt", "outcome")
EQUAL, DIFFERENT = "equal", "DIFFERENT"
# In place of a digest.
ABSENT = "not there"

Digests = Mapping[str, str]


@dataclass(frozen=True)
class Compared:
    """One table's digest where it is live and where it was made again."""

    table: str
    live: str
    rebuilt: str

    @property
    def row(self) -> tuple[object, ...]:
        """The comparison under `COMPARED_COLUMNS`."""
        outcome = EQUAL if self.live == self.rebuilt else DIFFERENT
        return (self.table, self.live, self.rebuilt, outcome)


def digests() -> Digests:
    """Digests of the rows of every clean and curated table of the home that is set, by name."""
    resources = platform_resources()
    ledger = cast("LedgerResource", resources["ledger"]).open()
    lake = cast("LakeResource", resources["lake"])
    catalog = cast("CatalogResource", resources["catalog"])
    found: dict[str, str] = {}
    for source, contract in known_contracts().items():
        for table in contract.tables:
            states = ledger.zone_states(source, table.name, CLEAN)
            name = f"{CLEAN}.{source}.{table.name}"
            locations = [state.location for state in states.values()]
            if files := clean_files(lake, {name: locations})[name]:
                found[name] = files_digest(files)
    for identifier in _curated():
        if catalog.load().table_exists(identifier):
            found[identifier] = catalog.digest(identifier)
    return found


def make_again(instance: dg.DagsterInstance, log: Callable[[str], None]) -> None:
    """Make clean and curated from what raw holds, in the home that is set.

    Raises:
        JobFailed: a run failed; the message names what.
    """
    definitions: dg.Definitions = importlib.import_module(COMPOSITION).defs()
    work = Refresh(instance, definitions.get_repository_def(), log)
    for source, tags in _accepted(instance):
        keys = [clean_key(source, table.name) for table in known_contracts()[source].tables]
        log(f"{source}: clean is made from raw")
        _run(work, accept_name(source), tags, keys)
    log("curated is made from clean")
    _run(work, PUBLISH, {}, [published_key(identifier) for identifier in _curated()])


def compare(live: Digests, rebuilt: Digests) -> list[Compared]:
    """Table by table, by name."""
    names = sorted({*live, *rebuilt})
    return [Compared(name, live.get(name, ABSENT), rebuilt.get(name, ABSENT)) for name in names]


def _accepted(instance: dg.DagsterInstance) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each source that raw holds anything of, with the tags of the run over all of its days."""
    ledger = cast("LedgerResource", platform_resources()["ledger"]).open()
    for source, contract in known_contracts().items():
        days = {
            batch.landing_date
            for table in contract.tables
            for batch in ledger.batches(source, table.name)
        }
        if days:
            register_landing_dates(instance, source, days)
            yield source, run_tags(instance, source, days)


def _run(work: Refresh, job: str, tags: Mapping[str, str], assets: list[dg.AssetKey]) -> None:
    done = work.run(job, tags, assets=assets)
    if done.failures:
        raise JobFailed(
            f"rebuild, job {job}",
            found="; ".join(done.failures),
            expected="what is live to be made again from raw",
            next_move="correct the cause; what is live was not touched",
        )


def _curated() -> list[str]:
    return [table.identifier for table in TABLES.values() if table.zone == "curated"]
