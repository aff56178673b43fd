"""Whatever way change logs are cut, shuffled and repeated, tables end as the reference says.

Hundreds of logs are folded by one job. After every publication the tables are compared with the
reference over what has been delivered until then: the current state as jobs make it that read all
changes, as jobs make it that read new ones and remember deletes, and the history.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from change_logs_of_accounts import (
    CHANGES,
    COLUMNS,
    LOADS,
    Change,
    Deliveries,
    Key,
    Period,
    current_of,
    deliveries,
    history_of,
    landed,
)
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql.functions import coalesce, col, concat_ws, date_format, lit, row_number

from resources.catalog import LocalCatalogResource
from spark import current, deletions, histories
from spark.publishing import merge_rows, read_batches
from spark.tables import Column as Described
from spark.tables import Table
from spark.tables.curated.history import IS_CURRENT, VALID_FROM, VALID_TO
from spark.tables.curated.lineage import LINEAGE
from spark.tables.tombstones import tombstones_of
from spark.transforms import fold, history
from spark.transforms.fold import latest_changes, standing

INPUT = "bank.account"
KEY = (
    Described("account", "bigint", "Log.", nullable=False),
    Described("id", "bigint", "Key.", nullable=False),
)
CONTENT = (Described("amount", "bigint", "Amount."), Described("note", "string", "Note."))


def table(name: str, *more: Described, key: tuple[str, ...] = ()) -> Table:
    columns = (*KEY, *more, *CONTENT, *LINEAGE)
    return Table("curated", name, "Accounts.", "one", "bank", ("account", "id", *key), columns)


WHOLE, NEW = table("account_whole"), table("account_new")
HISTORY = history.History(
    table(
        "account_history",
        Described(VALID_FROM, "timestamp", "Begin.", nullable=False),
        Described(VALID_TO, "timestamp", "End."),
        Described(IS_CURRENT, "boolean", "Open."),
        key=(VALID_FROM,),
    ),
    input=INPUT,
)
TABLES = (WHOLE, NEW, HISTORY.table)
STONES = tombstones_of(NEW)


class Report:
    def results(self, found: list[dict[str, Any]]) -> None:
        assert all(each["rows_in"] == each["rows_out"] for each in found)


@dataclass
class Bank:
    """Clean batches of the logs, and the tables that are made of them."""

    session: SparkSession
    catalog: LocalCatalogResource
    folder: Path
    told: Deliveries
    tables: tuple[Table, ...]
    taken_in: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for definition in (*self.tables, STONES):
            if self.catalog.load().table_exists(definition.identifier):
                self.catalog.load().drop_table(definition.identifier)
            self.catalog.ensure_table(definition)
        for batch in (*LOADS, *CHANGES):
            rows = [change.row() for change in self.told.batches[batch]]
            frame = self.session.createDataFrame(rows, COLUMNS)
            frame.coalesce(1).write.mode("overwrite").parquet(self._location(batch))

    def publish(self, new: list[str]) -> None:
        """Take batches in, into every table, in one commit each."""
        spec = self._spec(new)
        for definition in self.tables:
            target = {"target": f"lake.{definition.identifier}"}
            PUBLISHERS[definition.name](self.session, {**spec, **target})
        self.taken_in += [batch for batch in new if batch not in self.taken_in]

    def mistakes(self) -> dict[str, list[Key]]:
        """Keys by table that are not what the reference says of what was delivered until now."""
        changes = [change for batch in self.taken_in for change in self.told.batches[batch]]
        loads = {LOADS[batch]: landed(batch) for batch in self.taken_in if batch in LOADS}
        wrong = {}
        for definition in self.tables:
            if definition is HISTORY.table:
                right, found = history_of(changes, loads), self._history()
            else:
                right, found = current_of(changes, loads), self._current(definition)
            keys = {key for key in {*right, *found} if right.get(key) != found.get(key)}
            wrong[definition.name] = sorted(
                keys - tied_between_batches(changes) if definition is NEW else keys
            )
        return {name: keys for name, keys in wrong.items() if keys}

    def _spec(self, new: list[str]) -> dict[str, Any]:
        batches = [
            {
                "batch_id": batch,
                "location": self._location(batch),
                "landing_date": f"{landed(batch):%Y-%m-%d}",
                "kind": "load" if batch in LOADS else "changes",
                "epoch": {**LOADS, **CHANGES}[batch],
                "is_new": batch in new,
            }
            for batch in sorted({*self.taken_in, *new})
        ]
        newest = max((b["epoch"] for b in batches if b["kind"] == "load"), default="")
        return {"inputs": {INPUT: {"epoch": newest, "batches": batches}}}

    def _location(self, batch: str) -> str:
        return f"file://{self.folder}/batch={batch}"

    def _current(self, definition: Table) -> dict[Key, Any]:
        rows = self._rows(definition)
        found = {(row["account"], row["id"]): (row["amount"], row["note"]) for row in rows}
        assert len(found) == len(rows)
        return found

    def _history(self) -> dict[Key, list[Period]]:
        found = defaultdict(list)
        for row in self._rows(HISTORY.table):
            assert row[IS_CURRENT] is (row[VALID_TO] is None)
            begin, end = (at and at.replace(tzinfo=None) for at in (row[VALID_FROM], row[VALID_TO]))
            found[row["account"], row["id"]].append((begin, end, (row["amount"], row["note"])))
        return {key: sorted(periods, key=lambda each: each[0]) for key, periods in found.items()}

    def _rows(self, definition: Table) -> list[dict[str, Any]]:
        return self.catalog.load().load_table(definition.identifier).scan().to_arrow().to_pylist()


def account(changes: DataFrame) -> DataFrame:
    return standing(latest_changes(changes, ["account", "id"]))


def publish_whole(session: SparkSession, spec: dict[str, Any]) -> None:
    """As products are published."""
    published = session.table(spec["target"])

    def gone(changes: DataFrame) -> DataFrame:
        return current.gone_keys(published, spec, INPUT, changes, WHOLE.key)

    current.publish_current(session, spec, Report(), WHOLE, [INPUT], account, gone)


def publish_new(session: SparkSession, spec: dict[str, Any]) -> None:
    """As sales lines are published."""
    published, stones = session.table(spec["target"]), f"lake.{STONES.identifier}"
    changes = read_batches(session, spec, INPUT, only_new=True)
    if changes is None:  # all of it came before the newest load
        return
    deletions.bury(session, changes, NEW, stones)
    gone = current.gone_keys(published, spec, INPUT, changes, NEW.key)
    rows = deletions.unburied(session, account(changes), NEW, stones)
    merge_rows(session, rows, NEW, spec["target"], deleted=gone)


def publish_history(session: SparkSession, spec: dict[str, Any]) -> None:
    histories.publish_history(session, spec, Report(), HISTORY)


PUBLISHERS = {
    WHOLE.name: publish_whole,
    NEW.name: publish_new,
    HISTORY.table.name: publish_history,
}


def tied_between_batches(changes: list[Change]) -> set[Key]:
    """Keys of which two batches say two things in one place: of new ones only, the later counts."""
    said = defaultdict(set)
    for change in changes:
        said[change.key, change.place].add((change.content, change.operation == "D"))
    return {key for (key, _), contents in said.items() if len(contents) > 1}


Opener = Callable[..., Bank]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> LocalCatalogResource:
    return LocalCatalogResource(home=str(tmp_path_factory.getbasetemp() / "engine"))


@pytest.fixture
def bank(session: SparkSession, catalog: LocalCatalogResource, tmp_path: Path) -> Opener:
    def opened(seed: int, logs: int, tables: tuple[Table, ...] = TABLES) -> Bank:
        print(f"seed {seed}")  # noqa: T201 - whoever sees it fail wants to see it again
        return Bank(session, catalog, tmp_path, deliveries(logs, seed), tables)

    return opened


def follow(published: Bank) -> None:
    for group in published.told.groups:
        published.publish(group)
        assert published.mistakes() == {}


def test_tables_follow_every_delivery_of_every_log(bank: Opener) -> None:
    follow(bank(seed=random.randrange(10**6), logs=300))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_tables_follow_thousands_of_logs(
    every_session: SparkSession, catalog: LocalCatalogResource, tmp_path: Path, seed: int
) -> None:
    follow(Bank(every_session, catalog, tmp_path, deliveries(2_000, seed), TABLES))


def test_what_is_known_changes_nothing(bank: Opener) -> None:
    published = bank(seed=1, logs=50, tables=(WHOLE, HISTORY.table))
    follow(published)
    known = [each.identifier for each in published.tables]
    before = [published.catalog.digest(name) for name in known]
    published.publish([*CHANGES])
    published.publish([*LOADS])
    assert [published.catalog.digest(name) for name in known] == before
    summaries = published.catalog.snapshot_summaries(HISTORY.table.identifier)
    assert len(summaries) == len(published.told.groups) + 2
    assert [each.get("added-records", "0") for each in summaries[:2]] == ["0", "0"]


def by_batch(changes: DataFrame, key: list[str]) -> DataFrame:
    """The fold, with another rule for ties: what a later batch says counts."""
    last = Window.partitionBy(*key).orderBy(col("_change_order").desc(), col("_batch_id").desc())
    placed = fold.in_order(changes).withColumn("_place", row_number().over(last))
    return placed.where("_place = 1").drop("_place")


def without_epochs() -> Column:
    """The place of a change, without its load."""
    committed = date_format("_committed_at", "yyyy-MM-dd HH:mm:ss.SSSSSS")
    return concat_ws(" ", coalesce(committed, lit("")), coalesce("_change_sequence", lit("")))


def nobody(log: DataFrame, *_: object) -> DataFrame:
    """Nothing was deleted."""
    return log.where("1 = 0").select("account", "id", "_batch_id", lit("").alias("_change_order"))


LACKED = history._lacked


def lacking_nothing(
    log: DataFrame, what: history.History, loads: Sequence[history.Load]
) -> DataFrame:
    """Every load holds every key."""
    return LACKED(log.where("1 = 0"), what, loads)


PROTECTIONS = {
    "the rule for ties": (history, "latest_changes", by_batch, HISTORY.table),
    "epochs in the order": (fold, "change_order", without_epochs, HISTORY.table),
    "deletions that end periods": (history, "standing", lambda rows: rows, HISTORY.table),
    "keys that a load lacks": (history, "_lacked", lacking_nothing, HISTORY.table),
    "all keys at a new load": (histories, "_touches_all", lambda *_: False, HISTORY.table),
    "tombstones": (deletions, "unburied", lambda _session, rows, *_: rows, NEW),
    "deletions": (current, "deleted_keys", nobody, WHOLE),
    "rows that a load lacks": (current, "opens_epoch", lambda *_: False, WHOLE),
}


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_without_a_protection_tables_are_wrong(
    bank: Opener, monkeypatch: pytest.MonkeyPatch, protection: str
) -> None:
    module, name, instead, harmed = PROTECTIONS[protection]
    monkeypatch.setattr(module, name, instead)
    published = bank(seed=2, logs=100, tables=(harmed,))
    for group in published.told.groups:
        published.publish(group)
        if published.mistakes():
            return
    pytest.fail(f"Nothing was wrong without {protection}.")
