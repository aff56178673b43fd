"""What each object of landing is to us: work, something to wait for, or nothing to do.

An event says that a key was written. Which table that is, on which day it was delivered and whether
it was accepted already follows from contracts and ledger, as for the listing; an event is believed
in nothing else. Every answer has its reason, for whoever asks why a file was or was not taken.

The hazard: what a database or a service delivers counts only when its execution has succeeded, and
the record of that comes after the objects. Until then such an object waits.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from product360_assets.core.contract import SourceContract
from product360_assets.core.states import is_settled
from product360_assets.ingestion.arrivals import landing_day
from product360_assets.ingestion.corrections import is_correction
from product360_assets.raw.rewritten import Rewriting, RewrittenObjects
from resources.announcements import Announced
from resources.errors import ObjectMissing
from resources.keys import is_unfinished
from resources.ledger import Delivery, LandedObject, Ledger
from resources.objects import LakeResource

# An execution is recorded when it begins, or when it ends; what nobody records is found by listing.
UNRECORDED = timedelta(minutes=10)
# An execution that is said to run for so long will not end any more.
UNENDED = timedelta(days=1)
# An object that is not accepted after so long may have been removed again.
UNACCEPTED = timedelta(minutes=2)


@dataclass(frozen=True)
class Outcome:
    """What an object is to us, and why.

    Attributes:
        landing_date: the day on whose partition a run has work with it; None when none has.
        ended: whether there is nothing to do with it, now or later.
    """

    landed: LandedObject
    reason: str
    landing_date: date | None = None
    ended: bool = False


@dataclass(frozen=True)
class _Place:
    """Whose objects lie below a prefix.

    Attributes:
        delivery: the execution that delivers them; None where owners just put them.
        listed: the day, where a listing said it.
    """

    prefix: str
    table: str
    delivery: Delivery | None = None
    listed: date | None = None

    def landing_day(self, key: str) -> date | None:
        """The day on which an object of this key was delivered."""
        if self.listed is not None:
            return self.listed
        if self.delivery is not None:
            return self.delivery.landing_date
        return landing_day(key.removeprefix(self.prefix))


@dataclass
class LandingDesk:
    """Judges objects of landing at one moment; what it asks the ledger, it asks once."""

    contracts: Mapping[str, SourceContract]
    ledger: Ledger
    lake: LakeResource
    now: datetime
    _places: dict[str, dict[str, _Place]] = field(default_factory=dict)
    _settled: dict[str, bool] = field(default_factory=dict)

    def outcomes(self, objects: Sequence[Announced]) -> list[Outcome]:
        """What each of these is to us, in their order."""
        claims = self._claims([each.landed for each in objects])
        return [self._outcome(each, claims.get(each.landed.key, {})) for each in objects]

    def _outcome(self, each: Announced, claims: Mapping[str, str]) -> Outcome:
        """What an object is to us; `claims` is version → batch id of its key."""
        landed = each.landed
        if reason := self._foreign(each):
            return Outcome(landed, reason, ended=True)
        place = self._place(each)
        if place is None:
            return self._unplaced(each)
        day = place.landing_day(landed.key)
        if day is None:
            return Outcome(landed, "its key names no day", ended=True)
        if (batch_id := claims.get(landed.version)) is not None:
            if self._is_settled(each.source, place.table, batch_id):
                return Outcome(landed, f"batch {batch_id} holds it, and is done", ended=True)
            return Outcome(landed, f"batch {batch_id} holds it, and is not clean yet", day)
        if place.delivery is not None and place.delivery.status != "successful":
            return self._of_execution(each, place.delivery)
        if self.now - each.seen_at > UNACCEPTED and not self._is_there(landed):
            return Outcome(landed, "landing holds it no more", ended=True)
        return self._unclaimed(each, place, day, next(iter(claims.values()), None))

    def _unclaimed(
        self, each: Announced, place: _Place, day: date, other_batch: str | None
    ) -> Outcome:
        landed = each.landed
        if other_batch is None:
            return Outcome(landed, f"it is new, delivered on {day.isoformat()}", day)
        landing, raw = self.lake.zone("landing"), self.lake.zone("raw")
        rewritten = RewrittenObjects(each.source, place.table, self.ledger, landing, raw)
        if rewritten.unknown([Rewriting(day, landed, other_batch)]):
            return Outcome(landed, f"batch {other_batch} holds another version of its key", day)
        return Outcome(landed, f"it was compared with what batch {other_batch} holds", ended=True)

    def _of_execution(self, each: Announced, delivery: Delivery) -> Outcome:
        named = f"its execution {delivery.delivery_id}"
        if delivery.status == "failed":
            return Outcome(each.landed, f"{named} failed", ended=True)
        late = self.now - each.seen_at > UNENDED
        return Outcome(each.landed, f"{named} has not ended", ended=late)

    def _unplaced(self, each: Announced) -> Outcome:
        if is_correction(each.source, each.landed.key):
            reason = "it is a correction, and taken when the ledger has its release"
            return Outcome(each.landed, reason, ended=True)
        if self.contracts[each.source].kind in ("files", "stream"):
            reason = f"{each.source} has no table of that folder"
            return Outcome(each.landed, reason, ended=True)
        late = self.now - each.seen_at > UNRECORDED
        reason = f"no execution of {each.source} has been recorded for it"
        return Outcome(each.landed, reason, ended=late)

    def _foreign(self, each: Announced) -> str | None:
        """Why an object is none of ours, if it is none."""
        landing = self.lake.zone("landing")
        if each.landed.bucket != landing.bucket:
            return f"it lies in {each.landed.bucket}, not in {landing.bucket}"
        if is_unfinished(each.landed.key):
            return "it is the unfinished work of a writer"
        return None if each.source in self.contracts else f"no source is called {each.source!r}"

    def _claims(self, objects: Sequence[LandedObject]) -> dict[str, dict[str, str]]:
        """Key → version → batch id, of everything that is claimed around these objects."""
        claims: defaultdict[str, dict[str, str]] = defaultdict(dict)
        by_folder: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for landed in objects:
            by_folder[landed.bucket, posixpath.dirname(landed.key)].append(landed.key)
        for (bucket, folder), keys in by_folder.items():
            # One object is looked up by itself: its folder may hold a year of others.
            prefix = keys[0] if len(keys) == 1 else f"{folder}/"
            for (key, version), batch_id in self.ledger.claimed(bucket, prefix).items():
                claims[key][version] = batch_id
        return claims

    def _is_settled(self, source: str, table: str, batch_id: str) -> bool:
        if batch_id not in self._settled:
            contract = self.contracts[source]
            settled = is_settled(contract, contract.table(table), self.ledger, batch_id)
            self._settled[batch_id] = settled
        return self._settled[batch_id]

    def _is_there(self, landed: LandedObject) -> bool:
        try:
            return self.lake.zone("landing").head(landed.key).etag == landed.version
        except ObjectMissing:
            return False

    def _place(self, each: Announced) -> _Place | None:
        """What the listing said of an object, else what lies below the longest known prefix."""
        source, folder = each.source, each.landed.key
        tables = {table.name for table in self.contracts[source].tables}
        # A contract that came into force since may not have the table any more.
        if each.table in tables and each.landing_date is not None:
            return _Place("", each.table, listed=each.landing_date)
        if source not in self._places:
            self._places[source] = {each.prefix: each for each in self._all_places(source)}
        while folder := folder.rpartition("/")[0]:
            if (place := self._places[source].get(f"{folder}/")) is not None:
                return place
        return None

    def _all_places(self, source: str) -> Iterator[_Place]:
        contract = self.contracts[source]
        for table in contract.tables:
            if contract.kind in ("files", "stream"):
                yield _Place(f"{source}/{table.delivered_name}/", table.name)
                continue
            for delivery in self.ledger.deliveries(source, table.name):
                yield _Place(delivery.prefix, table.name, delivery)


def by_source(objects: Iterable[Announced]) -> dict[str, list[Announced]]:
    """The objects of each system."""
    found: defaultdict[str, list[Announced]] = defaultdict(list)
    for each in objects:
        found[each.source].append(each)
    return dict(found)
