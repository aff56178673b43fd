"""What protects the work, taken away one by one: each must be missed by the kill tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mortality import Mortality

from product360_assets.clean import request, work
from product360_assets.clean.work import Cleaning
from product360_assets.core.erasures import Intended
from product360_assets.curated.publish import Publisher
from product360_assets.governance import table_erasure
from product360_assets.ingestion.event_files import ShardFiles
from product360_assets.ingestion.event_reading import Pass
from product360_assets.raw import acceptance
from product360_assets.raw.acceptance import Acceptance
from product360_assets.raw.keys import manifest_key
from resources.jobs import JobResult
from resources.local import folder
from resources.objects import ObjectStore


def without_whole_objects(mortality: Mortality) -> None:
    """An object is written under its name, piece by piece."""

    def create(store: folder.Folder, key: str, chunks: Any) -> None:
        path = store.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for chunk in chunks:
                file.write(chunk[: len(chunk) // 2])
                file.flush()
                mortality.reach("disk.write")
                file.write(chunk[len(chunk) // 2 :])

    folder.Folder._create = create  # type: ignore[method-assign]


def without_finishing_what_was_opened(_: Mortality) -> None:
    """A batch that was opened is left to whoever opened it."""
    plan = Acceptance.plan
    Acceptance.plan = lambda self: replace(plan(self), resumed=())  # type: ignore[method-assign]


def without_the_state_last(_: Mortality) -> None:
    """A batch counts as accepted before its objects are recorded."""

    def record(self: Acceptance, batch: Any, accepted: Any) -> None:
        state = self._state(batch, accepted, manifest_key(batch))
        acceptance.record_once(self.ledger, state)
        self.ledger.accept_objects(batch.batch_id, accepted)
        acceptance.write_manifest(self.raw, batch, accepted)

    Acceptance._record = record  # type: ignore[method-assign]


def without_the_record_last(_: Mortality) -> None:
    """A batch counts as clean before the job that makes it has run."""
    make, record_once = Cleaning._make, work.record_once

    def recorded_first(self: Cleaning, unit: Any, earlier: Any) -> Any:
        for raw in unit.batches:
            batch_id = raw.batch.batch_id
            location = self.lake.zone("clean").uri_of(f"{unit.prefix}/batch={batch_id}")
            result = JobResult(unit.dataset, batch_id, 1, 1, 0, 1, 1, location, {})
            state = work._state(
                unit, result, batch_id, {}, contract_version=None, clean=self.lake.zone("clean")
            )
            record_once(self.ledger, state)
        return make(self, unit, earlier)

    work.record_once = lambda _ledger, state, replacing=None: state  # type: ignore[assignment]
    Cleaning._make = recorded_first  # type: ignore[method-assign]


def without_the_same_place(_: Mortality) -> None:
    """Work that is done again writes somewhere else."""
    tried = os.urandom(6).hex()
    request.CleanUnit.id = property(lambda _unit: tried)  # type: ignore[assignment, method-assign]


def without_asking_the_snapshots(_: Mortality) -> None:
    """Nobody looks whether a commit that was begun has landed."""
    Publisher._recover = lambda _self, _publication, _batches: []  # type: ignore[method-assign]


def without_files_written_down(_: Mortality) -> None:
    """What is about to be deleted is known only to who deletes it."""
    known: dict[str, Intended] = {}

    def intend(_clean: Any, _folder: str, table: str, *, files: Any, names: Any) -> None:
        known[table] = Intended(frozenset(files), frozenset(names))

    def intended_of(_clean: Any, _folder: str, table: str) -> Intended:
        return known.get(table, Intended(frozenset(), frozenset()))

    table_erasure.intend = intend  # type: ignore[assignment]
    table_erasure.intended_of = intended_of  # type: ignore[assignment]


def without_files_before_records(_: Mortality) -> None:
    """A file counts as delivered before it is written."""
    write, add = ShardFiles.write, Pass.add
    nowhere = ObjectStore("nowhere", folder.Folder(Path(tempfile.mkdtemp())), "landing")
    waiting: list[tuple[ShardFiles, Any]] = []

    def described(self: ShardFiles, records: Any) -> Any:
        waiting.append((self, records))
        return write(replace(self, landing=nowhere), records)

    def written(self: Pass, landed: Any, records: Any) -> None:
        write(*waiting.pop())
        add(self, landed, records)

    ShardFiles.write = described  # type: ignore[method-assign]
    Pass.add = written  # type: ignore[method-assign]


WITHOUT: dict[str, Callable[[Mortality], None]] = {
    "whole-objects": without_whole_objects,
    "finishing-what-was-opened": without_finishing_what_was_opened,
    "the-state-last": without_the_state_last,
    "the-record-last": without_the_record_last,
    "the-same-place": without_the_same_place,
    "asking-the-snapshots": without_asking_the_snapshots,
    "files-written-down": without_files_written_down,
    "files-before-records": without_files_before_records,
}
