"""Corrections: rejected rows that people corrected, as a delivery of their own into landing.

    <source>/_corrections/<table>/<landing date>/<batch>/<release>.json

One object holds corrected rows of one batch, as JSON lines. It is accepted into raw like everything
else; its landing date is that of the batch, because what is delivered on a day is one statement, in
however many parts it comes.

The hazard: an object that was put and never recorded, or put by somebody else. Only what the ledger
names as a release counts as delivered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from product360_assets.core.states import RELEASED
from resources.ledger import Batch, LandedObject, Ledger, ZoneState
from resources.objects import ObjectStore

CORRECTION: Final = "correction"
_FOLDER = "_corrections"


@dataclass(frozen=True)
class Release:
    """Rows of one batch that were released together: how many, by whom, when and why."""

    release_id: str
    batch_id: str
    key: str
    rows: int
    by: str
    at: datetime
    why: str

    @property
    def document(self) -> str:
        """What the ledger keeps of it, beside its id."""
        facts = {
            "key": self.key,
            "rows": self.rows,
            "by": self.by,
            "at": self.at.isoformat(),
            "why": self.why,
        }
        return json.dumps(facts, ensure_ascii=False)


def correction_key(batch: Batch, release_id: str) -> str:
    """The landing key of a release of this batch's rows."""
    day = batch.landing_date.isoformat()
    return f"{_folder(batch.source, batch.table)}{day}/{batch.batch_id}/{release_id}.json"


def is_correction(source: str, key: str) -> bool:
    """Whether a landing key is that of a release, recorded or not."""
    return key.startswith(f"{source}/{_FOLDER}/")


def releases_of(state: ZoneState | None) -> list[Release]:
    """What the ledger says was released of a batch, oldest first."""
    if state is None:
        return []
    found = []
    for release_id, document in state.details.items():
        facts = json.loads(document)
        moment = datetime.fromisoformat(facts.pop("at"))
        found.append(Release(release_id, state.batch_id, at=moment, **facts))
    return sorted(found, key=lambda release: (release.at, release.release_id))


def corrected(
    source: str, table: str, *, ledger: Ledger, landing: ObjectStore
) -> Iterator[tuple[date, tuple[LandedObject, ...]]]:
    """The corrections of a table that count as delivered, by landing date."""
    states = ledger.zone_states(source, table, RELEASED)
    if not states:
        return
    released = {
        release.key: batch_id
        for batch_id, state in states.items()
        for release in releases_of(state)
    }
    dates = {batch.batch_id: batch.landing_date for batch in ledger.batches(source, table)}
    by_day: dict[date, list[LandedObject]] = {}
    for info in landing.list(_folder(source, table)):
        if info.key in released:
            landed = LandedObject(landing.bucket, info.key, info.etag, info.size)
            by_day.setdefault(dates[released[info.key]], []).append(landed)
    for day in sorted(by_day):
        yield day, tuple(by_day[day])


def _folder(source: str, table: str) -> str:
    return f"{source}/{_FOLDER}/{table}/"
